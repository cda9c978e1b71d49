"""Every minute is counted once, whatever comes late, dies, or is done again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from apps.core.errors import ConflictError
from apps.core.models import AuditEntry
from apps.monitoring.bottlenecks import keeping, reading, walk
from apps.monitoring.models import Bottleneck, ExaminedMinute, Sighting
from apps.monitoring.services import bottlenecks
from tests.monitoring.bottlenecks.conftest import MINUTE
from tests.monitoring.bottlenecks.making import code, db, server
from tests.monitoring.bottlenecks.test_detectors import VENUE, listing

FINE = server("GET /events", 12, db(VENUE, 1))


def dirty() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tm_dirty WHERE kind = %s", [walk.DIRTY_KIND])
        return cursor.fetchone()[0]


def test_what_is_found_is_kept_with_its_evidence_and_pinned(send, look):
    ids = send(*[listing()] * 12, FINE)
    assert look().traces == 13
    one = Bottleneck.objects.get()
    assert (one.kind, one.service, one.route) == ("n_plus_1_db", "shop", "GET /events")
    assert one.requests == 12
    assert one.lost_us == 12 * 29 * 3000
    assert one.share == pytest.approx(12 / 13)
    assert one.first_seen < one.last_seen
    assert len(one.evidence) == 10
    assert {told["trace_id"] for told in one.evidence} <= set(ids)
    assert len(one.evidence[0]["span_ids"]) == 31
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tm_pin WHERE reason = 3")
        assert cursor.fetchone() == (10,)
    assert ExaminedMinute.objects.get().share == 1
    assert dirty() == 0


def test_nothing_is_counted_twice(send, look):
    send(listing())
    look()
    once = Bottleneck.objects.values().get()
    # A sender's retry under another key, and a journal note left behind, change nothing.
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tm_dirty VALUES (%s, %s)", [walk.DIRTY_KIND, MINUTE])
    assert look().minutes == 1
    assert Bottleneck.objects.values().get() == once
    assert Sighting.objects.get().requests == 1
    assert look().minutes == 0


def test_late_spans_have_their_minute_examined_again(send, look):
    late = listing()
    send(FINE)
    look()
    assert not Bottleneck.objects.exists()
    send(late, start_s=5)
    look()
    assert Bottleneck.objects.get().requests == 1


def test_a_trace_over_two_minutes_is_examined_whole_where_it_began(send, look):
    key = bytes(7) + b"\x01" + bytes(7) + b"\x05"
    rest = code("batch", 40_000, *[db(VENUE, 9).after(30_000 + n * 20) for n in range(30)])
    send(server("GET /long", 90_000, db("SELECT * FROM a WHERE b = %s", 5), rest.after(20_000)),
         trace_id=key, start_s=30)  # fmt: skip
    look()
    assert Sighting.objects.get(bottleneck__kind="n_plus_1_db").minute == MINUTE


def test_what_a_minute_does_not_show_any_more_is_taken_back(send, look):
    send(server("GET /x", 900).failed("Boom"), server("GET /x", 5).failed("Boom"),
         server("GET /x", 5).failed("Boom"))  # fmt: skip
    look()
    assert set(Bottleneck.objects.values_list("kind", flat=True)) == {"errors", "own_code"}
    send(*[server("GET /x", 5)] * 50, start_s=0.5)
    look()
    assert Bottleneck.objects.get(kind="errors").requests == 3
    send(*[server("GET /x", 5)] * 50, start_s=0.7)
    look()
    gone = Bottleneck.objects.get(kind="errors")
    assert (gone.requests, gone.lost_us) == (0, 0)
    assert not gone.sightings.exists()


def test_of_too_many_spans_a_share_stands_for_all(send, look, monkeypatch):
    send(*[listing()] * 40)
    monkeypatch.setattr(reading, "MOST_SPANS", 32 * 20)
    found = look()
    assert 0 < found.traces < 40
    one = Bottleneck.objects.get()
    assert one.requests == 2 * found.traces
    assert ExaminedMinute.objects.get().share == 0.5


def test_a_walk_that_dies_has_done_nothing_and_the_next_does_all(send, look, monkeypatch):
    send(listing())

    def die(*_args):
        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr(keeping, "_pin", die)
        with pytest.raises(OperationalError):
            look()
    assert not Bottleneck.objects.exists()
    assert dirty() == 1
    look()
    assert Bottleneck.objects.get().requests == 1


def test_a_minute_that_cannot_be_examined_holds_up_no_other(send, look, monkeypatch):
    send(listing(), minute=MINUTE - timedelta(minutes=1))
    send(listing())
    keep = keeping.keep

    def fail(minute, *rest):
        return 1 / 0 if minute == MINUTE else keep(minute, *rest)

    monkeypatch.setattr(keeping, "keep", fail)
    assert look().minutes == 1
    assert Bottleneck.objects.get().requests == 1
    assert dirty() == 0


def test_traces_that_are_long_beyond_their_minute_are_read_in_part(send, look, monkeypatch):
    send(*[listing()] * 12)
    monkeypatch.setattr(reading, "MOST_READ", 90)
    monkeypatch.setattr(reading, "_AT_ONCE", 2)
    seen = look()
    assert 3 <= seen.traces < 12
    assert ExaminedMinute.objects.get().share == pytest.approx(seen.traces / 12)


def test_a_minute_that_has_not_ended_waits(send, look):
    send(listing())
    assert look(now=MINUTE + timedelta(seconds=65)).minutes == 0
    assert look(now=MINUTE + timedelta(seconds=71)).minutes == 1


def test_only_who_is_gone_although_asked_for_is_resolved_and_it_opens_again(send, look):
    send(listing())
    look()
    later = datetime.now(UTC) + timedelta(hours=1)
    assert bottlenecks.settle(later) == 0, "nobody has asked for the route since"
    send(*[FINE] * 19, minute=MINUTE + timedelta(minutes=2))
    look()
    assert bottlenecks.settle(later) == 0, "19 requests are not enough"
    send(FINE, minute=MINUTE + timedelta(minutes=3))
    look()
    assert bottlenecks.settle() == 0, "it was seen ten minutes ago"
    assert bottlenecks.settle(later) == 1
    assert AuditEntry.objects.get(action="bottleneck.resolve").after["state"] == "resolved"
    Bottleneck.objects.update(state_since=MINUTE + timedelta(minutes=4))
    send(listing(), minute=MINUTE + timedelta(minutes=6))
    look()
    assert Bottleneck.objects.get().state == "open"


def test_people_ignore_and_reopen_and_the_trail_says_who(send, look):
    send(listing())
    look()
    key = Bottleneck.objects.get().fingerprint
    assert bottlenecks.ignore(key, "known").state == "ignored"
    with pytest.raises(ConflictError):
        bottlenecks.ignore(key)
    send(listing(), start_s=9)
    look()
    assert bottlenecks.find(key).state == "ignored"
    assert bottlenecks.reopen(key).state == "open"
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["bottleneck.ignore", "bottleneck.open"]


def test_old_minutes_and_forgotten_bottlenecks_go(send, look):
    send(listing())
    look()
    assert bottlenecks.prune() == 0
    bottlenecks.prune(datetime.now(UTC) + timedelta(days=31))
    assert not Sighting.objects.exists()
    assert Bottleneck.objects.exists()
    bottlenecks.prune(datetime.now(UTC) + timedelta(days=91))
    assert not Bottleneck.objects.exists()
