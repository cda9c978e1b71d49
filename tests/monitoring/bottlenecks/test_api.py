"""Bottlenecks through the API: ranked, filtered, paged, decided on."""

import pytest
from django.test import Client

from apps.core.services import apikeys
from apps.monitoring.models import Bottleneck
from tests.monitoring.bottlenecks.conftest import MINUTE
from tests.monitoring.bottlenecks.making import db, server
from tests.monitoring.bottlenecks.test_detectors import VENUE, listing
from tests.rights import PermissionMatrix

PATH = "/admin/performance/bottlenecks"


class TestWhoMayReadBottlenecks(PermissionMatrix):
    path, permissions = PATH, ["monitoring.view_bottleneck"]


class TestWhoMayDecide(PermissionMatrix):
    path, permissions = f"{PATH}/abc", ["monitoring.change_bottleneck"]
    method, scope, body = "POST", "operate", {"move": "ignore"}

    def prepare(self):
        Bottleneck.objects.update_or_create(
            fingerprint="abc",
            defaults={"kind": "slow_db", "service": "s", "route": "r", "route_key": "k",
                      "first_seen": MINUTE, "last_seen": MINUTE, "state": "open"},
        )  # fmt: skip


@pytest.fixture
def program(store):
    _, secret = apikeys.create("test", ["read", "operate"])
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_the_costliest_comes_first_with_its_reason_its_mend_and_its_evidence(
    program, send, look, django_assert_max_num_queries
):
    ids = send(listing(), listing(), server("GET /slow", 900, db(VENUE + " AND a = %s", 800)))
    look()
    with django_assert_max_num_queries(4):
        page = program.get(PATH).json()
    repeated, slow = sorted(page["items"], key=lambda item: item["kind"])
    assert [item["kind"] for item in page["items"]] == ["slow_db", "n_plus_1_db"]
    assert repeated["code"] == ['Event.objects.select_related("venue")']
    assert repeated["requests"] == 2
    assert repeated["gain_us"] == 87_000
    assert repeated["cause"] == "sql"
    assert slow["evidence"][0]["trace_id"] == ids[2]
    assert slow["evidence"][0]["url"] == f"/admin/traces/{ids[2]}/"


def test_pages_follow_each_other_and_filters_hold(program, send, look):
    send(*[server(f"GET /{n}", 900, db(VENUE + " AND a = %s", 600 + n)) for n in range(7)])
    look()
    seen, cursor = [], ""
    while cursor is not None:
        asked = {"page_size": 3, **({"cursor": cursor} if cursor else {})}
        page = program.get(PATH, asked).json()
        seen += [item["route"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"GET /{n}" for n in reversed(range(7))]

    def count(**filters):
        return len(program.get(PATH, filters).json()["items"])

    assert count(route="/3") == 1
    assert count(kind="errors") == count(service="other") == count(cause="lock") == 0
    assert count(cause="sql") == count(state="all") == 7
    assert count(**{"from": "now-2m"}) == 0
    assert program.get(PATH, {"kind": "strange"}).status_code == 400
    text = b"".join(program.get(PATH, headers={"Accept": "text/csv"}).streaming_content).decode()
    assert text.splitlines()[0].startswith("id,kind,cause,service,route")


def test_what_is_decided_shows_and_a_second_time_is_a_conflict(program, send, look):
    send(listing())
    look()
    key = program.get(PATH).json()["items"][0]["id"]

    def move(which):
        return program.post(f"{PATH}/{key}", {"move": which}, "application/json")

    assert move("ignore").json()["state"] == "ignored"
    assert move("ignore").status_code == 409
    assert program.get(PATH).json()["items"] == []
    assert len(program.get(PATH, {"state": "ignored"}).json()["items"]) == 1
    assert move("open").json()["state"] == "open"
    assert move("explode").status_code == 400
    assert program.get(f"{PATH}/{key}").json()["requests"] == 1
    assert program.get(f"{PATH}/nothing").status_code == 404
