"""Spans after their hot time: traces of interest stay whole, the rest goes, in one step."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from apps.monitoring.models import LegalHold, SamplingPolicy
from apps.monitoring.services import keeping, pins
from apps.monitoring.services.pins import PinReason
from apps.monitoring.store import connect, interest, partitions, swap
from apps.monitoring.store.interest import Reason
from tests.monitoring.keep.conftest import DAY, NAME, NOON, keep, put, rolled_up, span
from tests.monitoring.store import make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
LATER = DAY + timedelta(days=2, hours=1)


def policy(**over):
    """A policy that is on, as if it had been previewed; it keeps nothing but what `over` says."""
    nothing = {
        "keep_errors": False, "slow_quantile": None, "slow_ms": None, "keep_first_seen": False,
        "share": 0, "hot_h": 24,
    }  # fmt: skip
    return SamplingPolicy.objects.create(name="p", enabled=True, **{**nothing, **over})


@pytest.fixture(autouse=True)
def _rolled_up(request, monkeypatch):
    """As if the rollups were always done, but for the test about them."""
    if "not_rolled_up" not in request.node.name:
        monkeypatch.setattr(partitions, "behind", lambda *_: False)


@pytest.fixture
def kept(rows):
    """Thin yesterday; then (reason, weight) of each trace that is left."""

    def run(now=LATER):
        report = keep(now)
        assert report.left == {}
        found = rows("SELECT DISTINCT trace_id, kept, weight FROM tm_span WHERE kept IS NOT NULL")
        return {trace.bytes: (Reason(bits), weight) for trace, bits, weight in found}

    return run


def test_errors_pins_and_a_consistent_share_stay_with_their_weights(kept, rows):
    policy(keep_errors=True, share=0.25)
    failed, pinned = span(status=2, share=0.1), span(share=0.2)
    inside, outside = span(share=0.76), span(share=0.74)
    part = span(trace=failed.trace_id, parent_id=failed.span_id)
    put(failed, part, pinned, inside, outside)
    pins.pin([(UUID(bytes=pinned.trace_id), NOON)], PinReason.EXEMPLAR, LATER + timedelta(days=1))
    assert kept() == {
        failed.trace_id: (Reason.ERROR, 1.0),
        pinned.trace_id: (Reason.PINNED, 1.0),
        inside.trace_id: (Reason.SHARE, 4.0),
    }
    assert rows("SELECT count(*) FROM tm_span") == [(4,)]
    (told,) = rows("SELECT partition, spans_before, spans_after, traces_after FROM tm_thinned")
    assert told == (NAME, 5, 4, 3)


def test_the_slowest_of_a_route_and_hour_stay(kept):
    policy(slow_quantile=0.99, slow_ms=60_000)
    put(*(span(ms=n, name="GET /quick") for n in range(1, 201)))
    slow = [span(ms=70_000, name="GET /report"), span(NOON + timedelta(hours=1), ms=70_000)]
    put(*slow)
    found = kept()
    assert {row.trace_id for row in slow} <= found.keys()
    assert len(found) == 4
    assert set(found.values()) == {(Reason.SLOW, 1.0)}


def test_the_first_trace_of_an_operation_stays_and_only_the_first(kept, rows):
    policy(keep_first_seen=True)
    first, second = span(name="new"), span(NOON + timedelta(minutes=1), name="new")
    put(first, second)
    assert kept() == {first.trace_id: (Reason.FIRST_SEEN, 1.0)}
    # Not its noon: the intake takes nothing that lies hours ahead.
    today = span(datetime.now(UTC), name="new")
    put(today)
    assert today.trace_id not in kept(LATER + timedelta(days=1))


def test_attributes_keep_a_trace_by_any_value_or_by_one(kept):
    policy(attributes="customer\nplan=gold")
    one, two = span(attrs={"customer": 7}), span(attrs={"plan": "gold"})
    put(one, two, span(attrs={"plan": "free"}))
    assert kept() == {
        one.trace_id: (Reason.ATTRIBUTE, 1.0), two.trace_id: (Reason.ATTRIBUTE, 1.0)
    }  # fmt: skip


def test_a_legal_hold_keeps_a_services_spans_of_its_time(kept):
    policy()
    LegalHold.objects.create(
        name="case", service="shop", start=NOON, end=NOON + timedelta(hours=1), reason="r"
    )
    held = span()
    other = make.Resource({"service.name": "else"})
    put(held, span(NOON - timedelta(hours=1)), span(resource=other))
    assert kept() == {held.trace_id: (Reason.HELD, 1.0)}


def test_a_trace_across_midnight_stays_whole(kept, rows):
    policy(keep_errors=True, share=0.5)
    midnight = DAY + timedelta(days=1)
    evening = span(midnight - timedelta(seconds=1), share=0.1)
    morning = span(midnight + timedelta(seconds=1), trace=evening.trace_id, status=2)
    chosen = span(midnight - timedelta(seconds=1), share=0.9)
    rest = span(midnight + timedelta(seconds=1), trace=chosen.trace_id)
    put(evening, morning, chosen, rest)
    kept()
    assert kept(LATER + timedelta(days=1)) == {
        evening.trace_id: (Reason.ERROR, 1.0), chosen.trace_id: (Reason.SHARE, 2.0)
    }  # fmt: skip
    assert rows("SELECT count(*) FROM tm_span") == [(4,)]


def test_late_spans_arrive_while_a_day_is_replaced_and_after(rows, monkeypatch):
    policy(keep_errors=True)
    put(span(status=2), span())
    replace, during, after = swap.replace, span(), span()

    def late(raw, parent, taken, then):
        put(during)
        replace(raw, parent, taken, then)

    monkeypatch.setattr(swap, "replace", late)
    assert NAME in keep(LATER).done["thin"]
    put(after)
    stored = {trace.bytes: weight for trace, weight in rows("SELECT trace_id, weight FROM tm_span")}
    assert stored[during.trace_id] is None
    assert stored[after.trace_id] is None
    assert len(stored) == 3
    assert "thin" not in keep(LATER).done


def test_senders_in_full_flow_lose_nothing_while_a_day_is_replaced(rows, monkeypatch):
    policy(share=1)
    put(*(span() for _ in range(500)))
    judge, sent, stop = interest.judge, [], threading.Event()

    def send():
        while not stop.is_set():
            row = span()
            put(row)
            sent.append(row.trace_id)

    sender = threading.Thread(target=send)

    def judge_meanwhile(*args, **kwargs):
        sender.start()
        judge(*args, **kwargs)

    monkeypatch.setattr(interest, "judge", judge_meanwhile)
    try:
        done = keep(LATER).done
    finally:
        stop.set()
        sender.join(30)
    assert NAME in done["thin"]
    assert sent
    assert rows("SELECT count(*), count(DISTINCT trace_id) FROM tm_span") == [
        (500 + len(sent), 500 + len(sent))
    ]


@pytest.mark.parametrize("moment", ["copying", "attaching", "replaced"])
def test_killed_at_any_moment_leaves_the_old_day_or_the_new_one(rows, monkeypatch, moment):
    policy(keep_errors=True)
    put(span(status=2), span())

    def kill(raw, *args):
        raise psycopg.OperationalError("killed")

    def kill_after(raw, parent, taken, then):
        def broken(swapped):
            then(swapped)
            kill(swapped)

        replace(raw, parent, taken, broken)

    replace = swap.replace
    with monkeypatch.context() as patched:
        # A process that is killed cleans nothing up either.
        patched.setattr(swap, "clear", lambda *_: None)
        if moment == "copying":
            patched.setattr(swap, "columns", kill)
        else:
            patched.setattr(swap, "replace", kill if moment == "attaching" else kill_after)
        assert NAME in keep(LATER).left
    assert rows("SELECT count(*) FROM tm_span") == [(2,)]
    put(span())
    assert rows("SELECT count(*) FROM tm_span") == [(3,)]
    assert keep(LATER).left == {}
    assert rows("SELECT count(*) FROM tm_span") == [(1,)]
    leftovers = rows("SELECT relname FROM pg_class WHERE relname ~ '^tm_span_p.*_(new|late|old)$'")
    assert leftovers == []
    keep(LATER)
    assert rows("SELECT count(*) FROM tm_span") == [(1,)]


def test_a_day_that_somebody_reads_waits_for_the_next_run(rows):
    policy()
    put(span())
    with connect.open_connection("holder", 30) as holder:
        holder.execute(f"LOCK TABLE {NAME} IN ACCESS SHARE MODE")
        assert NAME in keep(LATER).left
    assert keep(LATER).left == {}
    assert rows("SELECT count(*) FROM tm_span") == [(0,)]


def test_spans_that_are_not_rolled_up_are_not_thinned(rows):
    policy()
    put(span())
    for kind in (5, 6, 8, 18):
        rolled_up()
        rows("INSERT INTO tm_dirty VALUES (%s, %s)", kind, NOON)
        assert NAME in keeping.keep(LATER).left
    assert rows("SELECT count(*) FROM tm_span") == [(1,)]
    # A consumer that is stuck for days must not keep the disk full.
    assert NAME in keeping.keep(LATER + partitions.PATIENCE).done["thin"]


def test_two_runs_at_once_are_one():
    with connect.open_connection("other", 30) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [keeping._LOCK_KEY])
        assert keep(LATER) is None


def test_without_a_policy_days_expire_but_pinned_and_held_traces_outlive_them(rows):
    pinned, gone = span(), span()
    put(pinned, gone)
    expired = DAY + timedelta(days=5)
    pins.pin([(UUID(bytes=pinned.trace_id), NOON)], PinReason.HAND, expired + timedelta(days=2))
    assert NAME in keep(expired).done["release"]
    assert rows("SELECT trace_id FROM tm_span") == [(UUID(bytes=pinned.trace_id),)]
    assert keep(expired + timedelta(hours=1)).done.get("release", []) == []
    keep(expired + timedelta(days=2))
    assert rows("SELECT to_regclass(%s)", NAME) == [(None,)]
    assert rows("SELECT count(*) FROM tm_thinned WHERE partition = %s", NAME) == [(0,)]


def test_kept_traces_live_as_long_as_the_policy_says(rows):
    policy(keep_errors=True, keep_days=10)
    put(span(status=2))
    keep(LATER)
    keep(DAY + timedelta(days=10))
    assert rows("SELECT count(*) FROM tm_span") == [(1,)]
    while NAME not in keep(DAY + timedelta(days=12)).done["release"]:
        pass
    assert rows("SELECT count(*) FROM tm_span") == [(0,)]


@pytest.mark.parametrize("how", ["held", "pinned"])
def test_what_is_held_or_pinned_while_a_day_is_read_is_not_thinned_away(rows, monkeypatch, how):
    policy()
    wanted, other = span(), span()
    put(wanted, other)
    judge = interest.judge

    def meanwhile(*args, **more):
        judge(*args, **more)
        monkeypatch.setattr(interest, "judge", judge)
        if how == "held":
            LegalHold.objects.create(name="c", service="shop", start=DAY, end=LATER, reason="r")
        else:
            pins.pin([(UUID(bytes=wanted.trace_id), NOON)], PinReason.HAND, LATER + timedelta(1))

    monkeypatch.setattr(interest, "judge", meanwhile)
    assert "meanwhile" in keeping.keep(LATER).left[NAME]
    assert rows("SELECT count(*) FROM tm_span") == [(2,)]
    assert keeping.keep(LATER).left == {}
    assert rows("SELECT count(*) FROM tm_span") == [(2 if how == "held" else 1,)]
