"""Every fault planted in the running shop is found, with its cause and traces that show it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import requests
from django.test import Client

from apps.core.services import apikeys
from apps.monitoring.bottlenecks import walk
from apps.monitoring.models import Bottleneck
from tests.monitoring.store.conftest import clear
from tests.shop.test_shop import Demo, demo, eventually  # noqa: F401 (demo is a fixture)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def at_once(count: int, ask: Callable[[int], requests.Response]) -> list[int]:
    with ThreadPoolExecutor(8) as pool:
        return [answer.status_code for answer in pool.map(ask, range(count))]


def book(running: Demo) -> Callable[[int], requests.Response]:
    def ask(number: int) -> requests.Response:
        order = {"event_id": 20 + number % 150, "seats": 1, "customer": "c1"}
        return requests.post(f"{running.shop_url}/bookings", json=order, timeout=30)

    return ask


def get(running: Demo, path: str) -> Callable[[int], requests.Response]:
    return lambda number: requests.get(running.shop_url + path.format(number + 10), timeout=30)


def found() -> set[tuple[str, str, str]]:
    """Kind, service and route of all there is, after another look at everything that came in."""
    # As if a few minutes had passed: also the minute that is still running.
    walk.walk(now=datetime.now(UTC) + timedelta(minutes=3), budget_s=30)
    return set(Bottleneck.objects.values_list("kind", "service", "route"))


def expect(*wanted: tuple[str, str, str]) -> None:
    seen: set[tuple[str, str, str]] = set()

    def all_there() -> bool:
        seen.update(found())
        return set(wanted) <= seen

    deadline = time.monotonic() + 40
    while not all_there():
        assert time.monotonic() < deadline, f"missing {set(wanted) - seen}, found {seen}"
        time.sleep(2)


LIST, EVENT, PRICES = "GET events", "GET events/<int:event_id>", "GET events/<int:event_id>/prices"
BOOK, SEATS = "POST bookings", "GET seats/<int:event_id>"


# The crowd is not needed: each fault is asked for.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("demo", ["0.2"], indirect=True)
def test_each_planted_fault_is_found_with_its_cause_and_evidence(demo: Demo):  # noqa: F811
    at_once(8, get(demo, "/events"))
    at_once(8, get(demo, "/events/{}"))
    at_once(8, book(demo))
    eventually(lambda: found() is not None and walked_traces(), "traces of healthy requests")
    planted = {"n_plus_1_db", "errors", "idle_in_transaction", "cacheable", "lock_wait"}
    assert not {kind for kind, *_ in found()} & planted

    demo.fault("on", "missing_index")
    demo.switch("missing_index", "n_plus_1", "stampede", "error_burst", "blocked_loop")
    with redis.Redis.from_url(demo.environment["SHOP_REDIS_URL"]) as cache:
        for _ in range(3):
            cache.delete("shop:1:demand")
            at_once(6, get(demo, "/analysis/demand"))
    at_once(6, get(demo, "/events"))
    at_once(6, get(demo, "/events/{}/prices?days=30"))
    at_once(24, book(demo))
    at_once(4, get(demo, "/events/{}/quote"))
    expect(
        ("n_plus_1_db", "shop", LIST), ("slow_db", "shop", PRICES),
        ("stampede", "shop", "GET analysis/demand"), ("errors", "shop", BOOK),
        ("loop_lag", "shop", "event loop blocked"),
    )  # fmt: skip
    demo.fault("off", "missing_index")

    demo.switch("cacheable", "lock_wait", "queue_backlog")
    at_once(16, get(demo, "/events"))
    at_once(8, book(demo))
    expect(("cacheable", "shop", LIST), ("lock_wait", "shop", BOOK))

    demo.switch("idle_in_transaction")
    at_once(4, book(demo))
    demo.switch("slow_downstream", "small_pool")
    at_once(8, get(demo, "/events/{}"))
    expect(
        ("idle_in_transaction", "shop", BOOK), ("slow_downstream", "shop", EVENT),
        ("pool_wait", "shop", EVENT), ("own_code", "inventory", SEATS),
        ("queue_latency", "shop", "process confirmations"),
    )  # fmt: skip
    told(demo)


def walked_traces() -> bool:
    from apps.monitoring.models import ExaminedMinute

    return sum(ExaminedMinute.objects.values_list("traces", flat=True)) >= 24


def told(running: Demo) -> None:
    """What the page says of each: why, what to do, and a trace that is there."""
    _, secret = apikeys.create("reader", ["read"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    items: dict[tuple[str, str], Any] = {}
    for item in client.get("/admin/performance/bottlenecks?page_size=100").json()["items"]:
        items[item["kind"], item["service"]] = item
    assert items["n_plus_1_db", "shop"]["code"] == ['Event.objects.select_related("venue")']
    index = "CREATE INDEX CONCURRENTLY shop_price_event_id_at_idx ON shop_price (event_id, at);"
    slow = [i for i in client.get("/admin/performance/bottlenecks?kind=slow_db").json()["items"]
            if i["route"] == PRICES]  # fmt: skip
    assert index in slow[0]["code"]
    assert "PaymentError" in items["errors", "shop"]["subject"]
    assert items["lock_wait", "shop"]["facts"]["table"] == "shop_event"
    assert items["lock_wait", "shop"]["facts"]["holder"] == BOOK
    waits = client.get("/admin/performance/bottlenecks?kind=pool_wait").json()["items"]
    assert 1 in {item["facts"]["size"] for item in waits}
    assert items["slow_downstream", "shop"]["facts"]["culprit_service"] == "inventory"
    # A loop that found no processor is late, too, with nothing to blame but its own waiting.
    late = client.get("/admin/performance/bottlenecks?kind=loop_lag").json()["items"]
    assert any("quotes" in item["subject"] for item in late), late
    assert "seats" in items["idle_in_transaction", "shop"]["subject"]
    for item in items.values():
        assert item["why"], item["kind"]
        trace = item["evidence"][0]["trace_id"]
        assert client.get(f"/admin/performance/traces/{trace}").status_code == 200
    assert running.process.poll() is None


@pytest.fixture(autouse=True)
def empty_store():
    clear()
