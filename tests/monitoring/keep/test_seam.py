"""Figures made from all spans stay right when a day is replaced by its kept rows, and after."""

from datetime import timedelta
from uuid import UUID

import pytest

from apps.core.timerange import TimeRange
from apps.monitoring.models import ExaminedMinute, RouteMinute, SamplingPolicy, Sighting
from apps.monitoring.services import keeping
from apps.monitoring.store import connect, days, interest, partitions, red, rollups
from apps.monitoring.traces import sampling
from tests.monitoring.keep.conftest import DAY, NAME, NOON, fold, put, span, trace_id
from tests.monitoring.store import make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
LATER = DAY + timedelta(days=2, hours=1)
BANK = make.Resource({"service.name": "bank"})
SERVER, CLIENT = 2, 3


def orders(n, **over):
    """Requests of the shop, each of which asks the bank and thirty times the same database."""
    found = []
    for i in range(n):
        trace, at = trace_id(0.5), NOON + timedelta(seconds=i)
        top = span(at, ms=200 + 50 * i, trace=trace, name="GET /orders", **over)
        call = span(at, ms=50, trace=trace, kind=CLIENT, parent_id=top.span_id,
                    attrs={"server.address": "bank"})  # fmt: skip
        asked = span(at, ms=40, trace=trace, resource=BANK, name="POST /pay",
                     parent_id=call.span_id)  # fmt: skip
        sql = {"db.system.name": "postgresql", "db.query.text": "SELECT * FROM a WHERE id = 1"}
        queries = (
            span(at + timedelta(milliseconds=50 + 4 * k), ms=3, trace=trace, name="SELECT",
                 kind=CLIENT, parent_id=top.span_id, attrs=sql)
            for k in range(30)
        )  # fmt: skip
        found += [top, call, asked, *queries]
    return found


@pytest.fixture
def figures(rows):
    """What RED and the service map say of yesterday."""

    def read():
        found = {}
        for table in ("tm_red_1m", "tm_red_1h"):
            found[table] = rows(
                "SELECT r.service, n.value, d.kind, bucket, n, err, sum, min, max, zero, pos_off,"
                f" pos FROM {table} d JOIN tm_resource r ON r.id = resource_id"
                " JOIN tm_name n ON n.id = name_id ORDER BY 1, 2, 3, 4"
            )
        for table in ("tm_edge_1m", "tm_edge_1h"):
            found[table] = rows(f"SELECT * FROM {table} ORDER BY bucket, src_kind, src, dst")
        return found

    return read


def bottlenecks():
    """What the walks have seen."""
    return (
        list(Sighting.objects.order_by("pk").values()),
        list(RouteMinute.objects.order_by("pk").values()),
        list(ExaminedMinute.objects.values()),
    )


@pytest.fixture
def whole(store, figures):
    """What the figures are when no day is ever thinned: after 3 orders, and after 2 failed more."""
    first, late = orders(3), orders(2, status=2)
    put(*first)
    fold()
    before = figures()
    put(*late)
    fold()
    after = figures()
    assert before != after
    with connect.open_connection("test", 30, autocommit=True) as raw:
        for table in ("tm_span", "tm_red_1m", "tm_red_1h", "tm_red_1d", "tm_edge_1m", "tm_edge_1h",
                      "monitoring_sighting", "monitoring_routeminute",
                      "monitoring_examinedminute"):  # fmt: skip
            raw.execute(f"DELETE FROM {table}")
    return first, late, before, after


def nothing_is_kept():
    nothing = {"keep_errors": False, "slow_quantile": None, "slow_ms": None}
    SamplingPolicy.objects.create(
        name="p", enabled=True, keep_first_seen=False, share=0, hot_h=24, **nothing
    )


def test_late_spans_are_added_to_a_thinned_minute_once(whole, figures, rows, monkeypatch):
    first, late, before, after = whole
    nothing_is_kept()
    put(*first)
    fold()
    seen = bottlenecks()
    rows("DELETE FROM tm_pin")
    assert keeping.keep(LATER).done["thin"] == [NAME]
    assert rows("SELECT count(*) FROM tm_span") == [(0,)]
    # A journal row that was left behind counts nothing again.
    rows("INSERT INTO tm_dirty SELECT unnest(ARRAY[5, 6, 8, 18]), %s::timestamptz", NOON)
    fold()
    assert figures() == before
    put(*late[:30])
    fold()
    put(*late[30:])
    write = red._write

    def die(*args):
        write(*args)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(red, "_write", die)
        with pytest.raises(RuntimeError):
            fold()
    for _ in range(2):
        fold()
        rows("INSERT INTO tm_dirty SELECT unnest(ARRAY[5, 6, 8, 18]), %s::timestamptz", NOON)
    assert figures()["tm_red_1m"] == after["tm_red_1m"]
    assert figures()["tm_red_1h"] == after["tm_red_1h"]
    # Bottlenecks are told of whole traces: what comes a day late is not among them.
    assert bottlenecks() == seen
    assert rows("SELECT count(*), count(weight) FROM tm_span") == [(len(late), 0)]


@pytest.mark.parametrize("killed", [False, True])
def test_spans_that_come_while_a_day_is_replaced_are_counted_once(
    whole, figures, rows, monkeypatch, killed
):
    first, late, before, after = whole
    nothing_is_kept()
    put(*first)
    fold()
    rows("DELETE FROM tm_pin")
    judge = interest.judge

    def meanwhile(*args, **kwargs):
        put(*late)
        # The day is being replaced: its minutes wait, so that nothing is counted on both sides.
        fold()
        assert figures() == before
        if killed:
            raise OSError("killed")
        judge(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(interest, "judge", meanwhile)
        report = keeping.keep(LATER)
    assert (NAME in report.left) is killed
    fold()
    assert figures() == after
    assert rows("SELECT count(*) FROM tm_span") == [(len(late) + len(first) * killed,)]
    assert rows("SELECT count(*) FROM tm_dirty WHERE kind IN (5, 6, 8, 18)") == [(0,)]


def test_a_day_waits_for_whoever_folds_it(monkeypatch):
    nothing_is_kept()
    put(span())
    fold()
    monkeypatch.setattr(days, "_PATIENT", "SET lock_timeout = '100ms'")
    with connect.open_connection("roller", 30, autocommit=True) as raw:
        raw.execute("INSERT INTO tm_dirty VALUES (99, %s)", [NOON])
        with days.folding([99], raw) as steady:
            assert DAY in steady.whole
            assert NAME in keeping.keep(LATER).left
    assert keeping.keep(LATER).done["thin"] == [NAME]


def test_the_figures_of_a_day_outlive_its_spans(figures, rows):
    put(*orders(2))
    fold()
    before, seen = figures(), bottlenecks()
    rows("INSERT INTO tm_dirty SELECT unnest(ARRAY[5, 6, 8, 18]), %s::timestamptz", NOON)
    expired = DAY + timedelta(days=5)
    # One run takes on a few days only, and other tests leave older ones behind.
    assert any(NAME in keeping.keep(expired).left for _ in range(60))
    patient = expired + partitions.PATIENCE
    assert any(NAME in keeping.keep(patient).done.get("release", []) for _ in range(60))
    fold()
    assert (figures(), bottlenecks()) == (before, seen)
    assert rows("SELECT count(*) FROM tm_dirty WHERE kind IN (5, 6, 8, 18)") == [(0,)]


def test_traces_of_thinned_days_are_picked_by_their_weight(rows):
    common = [span(NOON + timedelta(seconds=n), ms=1) for n in range(40)]
    failed = [span(NOON + timedelta(minutes=n + 1), ms=9, status=2) for n in range(40)]
    put(*common, *failed)
    rows("UPDATE tm_span SET weight = CASE status WHEN 2 THEN 1 ELSE 20 END, kept = 1")
    found = sampling.pick(TimeRange(DAY, DAY + timedelta(days=1)), most=20)
    assert len({trace for trace, _ in found}) == len(found) == 20
    # One in 21 spans was a failed one before.
    usual = {UUID(bytes=one.trace_id) for one in common}
    assert sum(trace in usual for trace, _ in found) == 19


def test_a_roller_that_began_before_a_replacement_does_not_see_an_empty_day(
    whole, figures, monkeypatch
):
    first, _late, before, _after = whole
    nothing_is_kept()
    put(*first)
    fold()
    run, found = rollups._run, []

    def replace_first(*args):
        if not found:
            monkeypatch.setattr(days, "_PATIENT", "SET lock_timeout = '100ms'")
            found.append(keeping.keep(LATER).left)
        return run(*args)

    monkeypatch.setattr(rollups, "_run", replace_first)
    put(first[0]._replace(parent_id=b"12345678", kind=1))
    fold()
    assert NAME in found[0]
    assert figures() == before
