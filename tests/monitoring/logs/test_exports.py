"""Exports: asked for, made part by part, fetched, cancelled, expired; and workers that die."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apps.core.models import AuditEntry
from apps.monitoring.logexports import files, services, work
from apps.monitoring.models import LogExport
from tests.face.evidence import ERROR, NOW, line
from tests.face.evidence import store as add
from tests.rights import PermissionMatrix

URL, LIST = "/admin/logs/export", "/admin/logs/exports"
RANGE = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": (NOW + timedelta(1)).isoformat()}
RIGHTS = ["monitoring.export_logrecord", "monitoring.view_logrecord"]


class TestWhoMayExport(PermissionMatrix):
    path, method, scope, status = URL, "POST", "operate", 202
    permissions, body = RIGHTS, {"form": "csv"}


class TestWhoMaySeeExports(PermissionMatrix):
    path, permissions = LIST, RIGHTS[:1]


@pytest.fixture
def home(tmp_path, settings):
    settings.PHAROS_HOME = tmp_path
    return tmp_path


def person(name):
    user = User.objects.create_user(name, is_staff=True)
    names = [right.partition(".")[2] for right in RIGHTS]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def ask(client, **more):
    answer = client.post(URL, {**RANGE, "service": "evidence-shop", **more}, "application/json")
    assert answer.status_code == 202, answer.content
    return answer.json()["id"]


def content(client, export_id):
    answer = client.get(f"{LIST}/{export_id}/file")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/gzip"
    return gzip.decompress(b"".join(answer.streaming_content)).decode()


@pytest.mark.django_db(transaction=True)
def test_an_export_holds_what_was_asked_for_and_leaves_its_traces(store, home, monkeypatch):
    monkeypatch.setattr(work, "PART_ROWS", 40)
    hostile = '=HYPERLINK("http://evil.example")'
    add(*[line(f"line {n}", NOW - timedelta(seconds=n // 3), ERROR, n=n) for n in range(100)])
    add(line(hostile, NOW - timedelta(minutes=5), ERROR), line("quiet"), line("x" * 9000, NOW, 21))
    ann, bob = person("ann"), person("bob")
    wished = ask(ann, level="error")
    assert ann.post(URL, RANGE, "application/json").status_code == 409
    assert ann.get(f"{LIST}/{wished}/file").status_code == 409
    assert work.work() == 1

    found = list(csv.DictReader(io.StringIO(content(ann, wished))))
    assert len(found) == 102
    assert {row["body"] for row in found} >= {"line 0", "line 99", f"'{hostile}", "x" * 9000}
    assert [row["ts"] for row in found] == sorted((row["ts"] for row in found), reverse=True)

    told = ann.get(f"{LIST}/{wished}").json()
    assert (told["state"], told["rows"], told["truncated"]) == ("done", 102, False)
    assert told["query"] == {"service": "evidence-shop", "level": "error"}
    assert [row["id"] for row in ann.get(LIST).json()["items"]] == [wished]
    assert bob.get(LIST).json()["items"] == []
    for path in (f"{LIST}/{wished}", f"{LIST}/{wished}/file"):
        assert bob.get(path).status_code == 404
    assert bob.delete(f"{LIST}/{wished}").status_code == 404
    assert (files.folder().stat().st_mode & 0o777, len(list(files.folder().iterdir()))) == (
        0o700,
        1,
    )

    as_json = ask(ann, form="ndjson", attr=["n:7"])
    work.work()
    (row,) = map(json.loads, content(ann, as_json).splitlines())
    assert (row["body"], row["attrs"]) == ("line 7", {"n": 7})
    assert ann.delete(f"{LIST}/{as_json}").status_code == 204
    assert ann.get(f"{LIST}/{as_json}/file").status_code == 409
    actions = list(
        AuditEntry.objects.filter(actor="ann", action__startswith="logexport").values_list(
            "action", flat=True
        )
    )
    assert sorted(actions) == sorted(
        [f"logexport.{verb}" for verb in
         ("create", "create", "download", "download", "cancel")]
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_anywhere_costs_no_line_and_doubles_none(store, home, monkeypatch):
    monkeypatch.setattr(work, "PART_ROWS", 30)
    add(*[line(f"line {n}", NOW - timedelta(seconds=n // 10)) for n in range(100)])
    ann = person("ann")
    wished = ask(ann)

    class Killed(BaseException):
        pass

    told, append = work._told, files.append
    deaths = iter((True, False, True, True))

    def dies_before_it_counts(export, **changes):
        if "file_bytes" in changes and next(deaths, False):
            raise Killed
        return told(export, **changes)

    def leaves_rubbish(file, end, part):
        end = append(file, end, part)
        file.write(b"half a part")
        file.flush()
        return end

    monkeypatch.setattr(work, "_told", dies_before_it_counts)
    monkeypatch.setattr(files, "append", leaves_rubbish)
    for _ in range(3):
        with pytest.raises(Killed):
            work.work()
        assert work.work() == 0  # its lease still holds
        LogExport.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
    monkeypatch.setattr(files, "append", append)
    assert work.work() == 1
    found = list(csv.DictReader(io.StringIO(content(ann, wished))))
    numbers = [int(row["body"].removeprefix("line ")) for row in found]
    assert sorted(numbers) == list(range(100))
    # Lines of one moment lie as the table had room for them.
    assert [n // 10 for n in numbers] == sorted(n // 10 for n in range(100))


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_slept_past_its_lease_spoils_nothing(store, home, monkeypatch):
    monkeypatch.setattr(work, "PART_ROWS", 10)
    add(*[line(f"line {n}", NOW - timedelta(seconds=n)) for n in range(30)])
    ann = person("ann")
    wished = ask(ann)
    search = work.logs.search

    def sleeps(*args, **kwargs):
        found = search(*args, **kwargs)
        monkeypatch.setattr(work.logs, "search", search)
        LogExport.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
        assert work.work() == 1, "another one makes all of it meanwhile"
        return found

    monkeypatch.setattr(work.logs, "search", sleeps)
    assert work.work() == 0
    found = list(csv.DictReader(io.StringIO(content(ann, wished))))
    assert [row["body"] for row in found] == [f"line {n}" for n in range(30)]


@pytest.mark.django_db(transaction=True)
def test_limits_end_an_export_and_say_so(store, home, monkeypatch):
    add(*[line(f"line {n}") for n in range(50)])
    ann = person("ann")
    monkeypatch.setattr(work, "MOST_ROWS", 20)
    wished = ask(ann)
    work.work()
    last = content(ann, wished).splitlines()[-1]
    assert last == "# INCOMPLETE: The export ends after 20 lines."
    assert ann.get(f"{LIST}/{wished}").json()["truncated"]
    # What was cancelled while it was made stays cancelled.
    wished = ask(ann)
    export = work._claim()
    ann.delete(f"{LIST}/{wished}")
    assert work._part(export) is None
    assert LogExport.objects.get(pk=wished).state == "cancelled"
    # A disk that is full, and nothing found at all.
    monkeypatch.setattr(files, "LEAST_FREE_BYTES", 1 << 62)
    monkeypatch.setattr(work, "PART_ROWS", 5)
    wished = ask(ann, form="ndjson")
    work.work()
    assert "disk" in content(ann, wished).splitlines()[-1]
    wished = ask(ann, form="ndjson", text="nowhere")
    work.work()
    assert content(ann, wished) == ""


@pytest.mark.django_db(transaction=True)
def test_files_go_when_they_expire(store, home):
    ann = person("ann")
    wished = ask(ann)
    work.work()
    stray = files.folder() / "stray.csv.gz"
    stray.write_bytes(b"x")
    assert services.expire() == 0
    later = datetime.now(UTC) + services.KEPT + timedelta(minutes=1)
    assert services.expire(later) == 1
    assert list(files.folder().iterdir()) == []
    assert ann.get(f"{LIST}/{wished}").json()["state"] == "expired"
    assert ann.get(f"{LIST}/{wished}/file").status_code == 409
    services.expire(later + timedelta(days=31))
    assert not LogExport.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "body", [{"form": "xls"}, {"level": "loud"}, {"from": "x"}, {"attr": ["x"]}, [], "x"]
)
def test_nonsense_is_refused(reader, staff_client, body):
    assert staff_client.post(URL, body, "application/json").status_code == 400
