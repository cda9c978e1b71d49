"""Log lines on their way: hot, compressed, archived, deleted; searchable as long as they are there.

The clock is shifted: what is stored yesterday is looked at from weeks, months and years later.
"""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from apps.core.errors import ConflictError, NotFoundError
from apps.core.models import AuditEntry
from apps.core.timerange import TimeRange
from apps.monitoring.models import LegalHold, LogArchive
from apps.monitoring.queries import logs
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LogFilter
from apps.monitoring.services import keeping, logkeeping
from apps.monitoring.store import logarchive, partitions, swap
from tests.monitoring.keep.conftest import DAY, NOON, log, put, rolled_up, trace_id
from tests.monitoring.store import make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
HOT = f"tm_log_p{DAY:%Y%m%d}"
BLOCKS = f"tm_log_block_p{DAY:%Y%m%d}"
COLD, OLD, ANCIENT = (DAY + timedelta(days=n) for n in (32, 93, 368))
WHOLE = TimeRange(DAY, DAY + timedelta(days=1))
OTHER = make.Resource({"service.name": "cart", "host.name": "b"})


@pytest.fixture(autouse=True)
def home(tmp_path, settings):
    settings.PHAROS_ARCHIVE_DIR = tmp_path
    return tmp_path


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def keep(now):
    rolled_up()
    report = keeping.keep(now)
    assert report.left == {}
    return report.done


def found(where=WHOLE, after=None, limit=1000, **wanted):
    return logs.search(where, LogFilter(**wanted), after=after, limit=limit)


TRACE = trace_id(0.5)


def some():
    """Lines that differ in all that a search can ask for."""
    put(
        log("Started", at(0), severity=5),
        log("Order 17 failed: Größe ÄÖ", at(1), severity=17, trace_id=TRACE, span_id=b"12345678"),
        log("Order 18 paid", at(2), attrs={"n": 18, "x": 0.00001, "ok": True, "list": [1, "a"]}),
        log("Order 17 failed", at(2), resource=OTHER, severity=21, attrs={"n": "18"}),
        log("x" * 5000, at(3), attrs={"long": "y" * 9000}),
        log("", at(4)),
    )


SEARCHES = [
    {}, {"service": "shop"}, {"service": "nobody"}, {"level": "error"}, {"level": "info"},
    {"text": "order"}, {"text": "GRÖSSE"}, {"text": "größe"}, {"text": '"17 failed" -order'},
    {"text": "order -paid"}, {"text": "100%_"}, {"trace_id": UUID(bytes=TRACE)},
    {"trace_id": UUID(int=7)}, {"attrs": (("n", "18"),)}, {"attrs": (("x", "0.00001"),)},
    {"attrs": (("ok", "true"),)}, {"attrs": (("list", '[1, "a"]'),)}, {"attrs": (("no", "1"),)},
    {"service": "cart", "level": "fatal", "text": "failed", "attrs": (("n", "18"),)},
]  # fmt: skip


def test_compressed_lines_are_found_as_they_were_in_every_search_and_by_their_address(rows):
    some()
    before = [found(**wanted) for wanted in SEARCHES]
    whole = [logs.line(line.place) for line in before[0].rows]
    assert len(before[0].rows) == 6
    assert HOT in keep(COLD)["compress"]
    assert rows("SELECT to_regclass(%s), count(*) FROM tm_log", HOT) == [(None, 0)]
    assert [found(**wanted) for wanted in SEARCHES] == before
    assert max(len(row.body) for row in logs.search(WHOLE, LogFilter(), whole=True).rows) == 5000
    assert [logs.line(line.place) for line in before[0].rows] == whole
    assert logs.line(dataclasses.replace(before[0].rows[0].place, tie=5)) is None


def test_pages_go_on_over_the_border_and_while_a_day_is_compressed():
    put(*(log(f"line {n}", at(n // 3)) for n in range(60)))
    # Not its noon: the intake takes nothing that lies hours ahead.
    today = datetime.now(UTC)
    put(*(log(f"line {n}", today) for n in range(60, 65)))
    both = TimeRange(DAY, today + timedelta(minutes=1))
    seen, after = [], None
    for page in range(100):
        if page == 2:
            keep(COLD)
        got = found(both, after=after, limit=7)
        seen += [line.body for line in got.rows]
        after = got.next
        if after is None:
            break
    assert len(seen) == 65
    assert sorted(seen) == sorted(f"line {n}" for n in range(65))
    assert seen[0] == "line 64"
    assert found(both, after=LinePlace(at(5)), limit=100).rows[0].ts < at(5)


def test_a_line_that_arrives_while_its_day_is_compressed_is_kept(monkeypatch):
    some()
    replace = swap.replace

    def late(raw, parent, taken, then):
        put(log("late", at(9)))
        replace(raw, parent, taken, then)

    monkeypatch.setattr(swap, "replace", late)
    keep(COLD)
    assert found().rows[0].body == "late"
    assert len(found().rows) == 7


def test_days_go_from_hot_to_compressed_to_the_archive_to_nothing_by_their_age(rows, home):
    some()
    assert HOT not in keep(DAY + timedelta(days=30)).get("compress", ())
    keep(COLD)
    assert "archive" not in keep(DAY + timedelta(days=90))
    assert keep(OLD)["archive"] == [BLOCKS]
    assert rows("SELECT to_regclass(%s)", BLOCKS) == [(None,)]
    assert found().rows == []
    kept = LogArchive.objects.get()
    assert (kept.day, kept.lines, kept.services) == (DAY.date(), 6, ["cart", "shop"])
    path = logarchive.path_of(home, kept.day)
    assert (path.name, path.stat().st_mode & 0o777) == (kept.file, 0o600)
    assert logarchive.checksum(path) == kept.sha256
    assert "delete" not in keep(DAY + timedelta(days=365))
    assert keep(ANCIENT)["delete"] == [f"{DAY:%Y-%m-%d}"]
    assert [file for file in home.rglob("*") if file.is_file()] == []
    kept.refresh_from_db()
    assert kept.deleted_at == ANCIENT
    entry = AuditEntry.objects.get(action="logarchive.delete")
    assert entry.before["sha256"] == kept.sha256
    assert "delete" not in keep(ANCIENT + timedelta(days=1))


def test_an_archived_day_comes_back_whole_and_goes_again(rows):
    some()
    before = found()
    whole = [logs.line(line.place) for line in before.rows]
    keep(COLD)
    keep(OLD)
    # Another store knows none of the resources.
    rows("DELETE FROM tm_resource")
    assert logkeeping.restore(DAY.date(), OLD + timedelta(days=7)) == 6
    assert found() == before
    assert [logs.line(line.place) for line in before.rows] == whole
    with pytest.raises(ConflictError):
        logkeeping.restore(DAY.date(), OLD + timedelta(days=7))
    keep(OLD + timedelta(days=1))
    assert found() == before
    keep(OLD + timedelta(days=7))
    assert found().rows == []
    assert LogArchive.objects.get().restored_until is None
    with pytest.raises(NotFoundError):
        logkeeping.restore(date(2001, 1, 1), OLD)


def test_lines_that_come_when_their_day_is_in_a_file_stay_until_the_file_goes():
    some()
    keep(COLD)
    keep(OLD)
    partitions.ensure()
    put(log("late", at(9)))
    keep(COLD)
    for _ in range(2):
        keep(OLD)
        assert [line.body for line in found().rows] == ["late"]
    assert LogArchive.objects.get().lines == 6
    keep(ANCIENT)
    keep(ANCIENT)
    keep(ANCIENT)
    assert found().rows == []


def test_days_taken_back_do_not_hold_up_those_that_are_due(monkeypatch):
    monkeypatch.setattr(keeping, "_MOST", 1)
    earlier = DAY - timedelta(days=1)
    put(log("earlier", NOON - timedelta(days=1)), log("later", NOON))
    for _ in range(2):
        keep(COLD)
    assert keep(OLD)["archive"] == [f"tm_log_block_p{earlier:%Y%m%d}"]
    logkeeping.restore(earlier.date(), ANCIENT)
    assert keep(OLD)["archive"] == [BLOCKS]


def test_a_damaged_file_is_not_taken_back(rows, home):
    some()
    keep(COLD)
    keep(OLD)
    path = logarchive.path_of(home, DAY.date())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(logarchive.ArchiveError):
        logkeeping.restore(DAY.date(), OLD)
    assert rows("SELECT to_regclass(%s)", BLOCKS) == [(None,)]
    path.with_name(path.name.replace(".ndjson.zst", ".json")).write_text("{")
    with pytest.raises(logarchive.ArchiveError):
        logkeeping.restore(DAY.date(), OLD)


def test_a_legal_hold_keeps_an_archived_day_until_it_is_lifted(home):
    some()
    for now in (COLD, OLD):
        keep(now)
    hold = LegalHold.objects.create(
        name="case", service="cart", start=at(0), end=at(60), reason="a lawsuit"
    )
    LegalHold.objects.create(name="else", service="nobody", start=DAY, end=OLD, reason="r")
    LegalHold.objects.create(name="later", start=DAY + timedelta(days=1), end=OLD, reason="r")
    assert "delete" not in keep(ANCIENT)
    assert logarchive.path_of(home, DAY.date()).exists()
    hold.active = False
    hold.save()
    assert "delete" in keep(ANCIENT)
    actions = AuditEntry.objects.filter(action__startswith="legalhold.").values_list(
        "action", flat=True
    )
    assert sorted(actions) == ["legalhold.create"] * 3 + ["legalhold.update"]


@pytest.mark.parametrize("moment", ["copying", "attaching", "replaced"])
def test_compressing_killed_at_any_moment_keeps_every_line_once(rows, monkeypatch, moment):
    some()
    before, replace = found(), swap.replace

    def kill(*_):
        raise psycopg.OperationalError("killed")

    def kill_late(raw, parent, taken, then):
        def broken(swapped):
            then(swapped)
            kill()

        replace(raw, parent, taken, broken)

    with monkeypatch.context() as patched:
        patched.setattr(swap, "clear", lambda *_: None)
        if moment == "copying":
            patched.setattr("apps.monitoring.store.logblocks.store", kill)
        else:
            patched.setattr(swap, "replace", kill if moment == "attaching" else kill_late)
        rolled_up()
        assert HOT in keeping.keep(COLD).left
    assert found() == before
    put(log("later", at(30)))
    keep(COLD)
    assert found().rows[1:] == before.rows
    assert found().rows[0].body == "later"
    assert rows("SELECT relname FROM pg_class WHERE relname ~ '^tm_log_p.*_(new|late|old)$'") == []


@pytest.mark.parametrize("moment", ["writing", "written"])
def test_archiving_killed_at_any_moment_keeps_the_day(monkeypatch, home, moment):
    some()
    keep(COLD)
    before = found()
    name = "_write_durably" if moment == "writing" else "_row"
    where = logarchive if moment == "writing" else logkeeping

    def kill(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(where, name, kill)
        assert BLOCKS in keeping.keep(OLD).left
    assert found() == before
    assert keep(OLD)["archive"] == [BLOCKS]
    assert logkeeping.restore(DAY.date(), ANCIENT) == 6
    assert found() == before
