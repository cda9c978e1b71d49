"""The service map, folded from spans of any kind and in any order."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from apps.core.timerange import TimeRange
from apps.monitoring.intake.commit import committer
from apps.monitoring.queries import servicemap
from apps.monitoring.store import rollups
from apps.monitoring.store.rows import Batch, Resource, Span

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
SHOP, BANK, MAIL = (Resource({"service.name": f"map-{one}"}) for one in ("shop", "bank", "mail"))
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


def span(resource, kind, trace, number, parent=None, at_s=0.0, took_ms=10, status=0, **attrs):
    start = int(MINUTE.timestamp() * 1e9) + round(at_s * 1e9)
    return Span(
        resource, trace.bytes, number.to_bytes(8), parent.to_bytes(8) if parent else None, "work",
        kind, start, start + took_ms * 1_000_000, status, attrs,
    )  # fmt: skip


def add(*spans):
    assert committer().submit(Batch(spans=list(spans))).result(20).accepted == len(spans)


def drawn(sample=0):
    while not rollups.roll_up().finished:
        pass
    around = TimeRange(MINUTE - timedelta(minutes=1), MINUTE + timedelta(minutes=8))
    return servicemap.read(around, sample=sample)


def links(found):
    return {(link.src, link.dst): (link.n, link.err) for link in found.links}


def checkout(trace, bank_status=0):
    return [
        span(SHOP, SERVER, trace, 1, took_ms=100),
        span(SHOP, CLIENT, trace, 2, 1, took_ms=60),
        span(BANK, SERVER, trace, 3, 2, took_ms=40, status=bank_status),
        span(BANK, CLIENT, trace, 4, 3, **{"db.system": "postgresql", "db.name": "ledger"}),
        span(BANK, CLIENT, trace, 5, 3,
             **{"db.system.name": "postgresql", "db.namespace": "ledger"}),
        span(SHOP, PRODUCER, trace, 6, 1, **{"messaging.destination.name": "mails"}),
        span(MAIL, CONSUMER, trace, 7, 6, **{"messaging.destination.name": "mails"}),
        span(MAIL, CLIENT, trace, 8, 7, status=2, **{"server.address": "smtp.example"}),
    ]  # fmt: skip


EXPECTED = {
    ("outside:", "service:map-shop"): (2, 0),
    ("service:map-shop", "service:map-bank"): (2, 1),
    ("service:map-bank", "database:postgresql ledger"): (4, 0),
    ("service:map-shop", "queue:mails"): (2, 0),
    ("queue:mails", "service:map-mail"): (2, 0),
    ("service:map-mail", "host:smtp.example"): (2, 2),
}


def test_services_databases_queues_and_hosts_are_on_the_map(store):
    add(*checkout(uuid4()), *checkout(uuid4(), bank_status=2))
    found = drawn(sample=10)
    assert links(found) == EXPECTED
    by_ends = {(link.src, link.dst): link for link in found.links}
    ledger = by_ends["service:map-bank", "database:postgresql ledger"]
    assert ledger.fan_out == 2
    paid = by_ends["service:map-shop", "service:map-bank"]
    assert paid.p95_s == pytest.approx(0.04, rel=0.011)
    assert (found.sampled, paid.critical_share) == (2, pytest.approx(0.4))
    bank = next(node for node in found.nodes if node.id == "service:map-bank")
    assert (bank.n, bank.err) == (2, 1)


def test_spans_that_come_late_or_in_pieces_give_the_same_map(store, rows):
    first, second = checkout(uuid4()), checkout(uuid4(), bank_status=2)
    for one in reversed([*first, *second]):
        add(one)
        drawn()
    assert links(drawn()) == EXPECTED
    assert rows("SELECT kind FROM tm_dirty WHERE kind IN (6, 18)") == []


def test_a_caller_that_comes_after_its_callee_of_a_later_minute_is_found(store):
    trace = uuid4()
    add(span(BANK, SERVER, trace, 3, 2, at_s=70))
    assert links(drawn()) == {("outside:", "service:map-bank"): (1, 0)}
    add(
        span(SHOP, SERVER, trace, 1, at_s=0, took_ms=200_000),
        span(SHOP, CLIENT, trace, 2, 1, at_s=1, took_ms=190_000),
    )
    assert links(drawn()) == {
        ("outside:", "service:map-shop"): (1, 0), ("service:map-shop", "service:map-bank"): (1, 0),
    }  # fmt: skip


def test_callees_beyond_the_most_are_one_and_sums_stay_right(store, monkeypatch):
    monkeypatch.setattr("apps.monitoring.store.edges.MOST_CALLEES", 3)
    trace = uuid4()
    add(
        span(SHOP, SERVER, trace, 1),
        *[span(SHOP, CLIENT, trace, n, 1, **{"server.address": f"h{n}"}) for n in range(2, 12)],
    )
    found = links(drawn())
    assert found["service:map-shop", "host:_OTHER"] == (7, 0)
    assert sum(n for (src, _), (n, _) in found.items() if src == "service:map-shop") == 10


def test_the_map_over_the_api(store, reader):
    add(*checkout(uuid4()))
    while not rollups.roll_up().finished:
        pass
    ends = {"from": (MINUTE - timedelta(minutes=1)).isoformat(), "to": MINUTE.isoformat()}
    body = reader.get("/admin/performance/service-map", {**ends, "to": "now", "sample": 5}).json()
    assert {node["id"] for node in body["nodes"]} == {end for pair in EXPECTED for end in pair}
    assert len(body["edges"]) == len(EXPECTED)
    assert reader.get("/admin/performance/service-map", {"sample": 9999}).status_code == 400
