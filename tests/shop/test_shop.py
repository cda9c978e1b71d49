"""The example shop, started for real: what it sends arrives whole, and its faults are faults."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import redis
import requests
from django.conf import settings
from django.db import connection

from apps.core.services import apikeys
from tests.conftest import PROJECT, free_port
from tests.servers import die_with_parent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@dataclass
class Demo:
    """A running demo: its shop, its environment, and what has arrived at the portal."""

    process: "subprocess.Popen[str]"
    environment: dict[str, str]
    shop_url: str
    lines: list[str] = field(default_factory=list)

    def switch(self, *names: str) -> None:
        """Exactly these faults on, as the command does it, without a process of its own."""
        path = Path(self.environment["SHOP_STATE_DIR"]) / "faults.json"
        draft = path.with_suffix(".test")
        draft.write_text(json.dumps(names))
        draft.replace(path)
        time.sleep(0.7)  # the services read the switches twice a second

    def fault(self, *arguments: str) -> str:
        argv = [sys.executable, "-m", "examples.shop.fault", *arguments]
        done = subprocess.run(
            argv, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=True
        )
        time.sleep(0.7)
        return done.stdout


def _address() -> str:
    host = connection.settings_dict["OPTIONS"].get("host") or connection.settings_dict["HOST"]
    return f"host={host} user=postgres"


@pytest.fixture
def demo(portal_server, tmp_path, request) -> Iterator[Demo]:
    _, key = apikeys.create("shop", ["ingest"])
    name = f"{connection.settings_dict['NAME']}_shop"
    host = connection.settings_dict["OPTIONS"].get("host") or connection.settings_dict["HOST"]
    environment = {
        **os.environ,
        "PHAROS_DEMO_URL": portal_server.url,
        "PHAROS_DEMO_KEY": key,
        "SHOP_DATABASE_URL": f"postgresql://postgres@/{name}?host={host.replace('/', '%2F')}",
        "SHOP_REDIS_URL": settings.CACHES["default"]["LOCATION"],
        "SHOP_STATE_DIR": str(tmp_path / "shop"),
        "SHOP_PORT": str(free_port()),
        "SHOP_INVENTORY_PORT": str(free_port()),
        "SHOP_PAGER_PORT": str(free_port()),
        "SHOP_REQUESTS_PER_S": getattr(request, "param", "8"),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.shop.demo"], cwd=PROJECT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
    )  # fmt: skip
    running = Demo(process, environment, f"http://127.0.0.1:{environment['SHOP_PORT']}")
    assert process.stdout is not None
    for line in process.stdout:
        running.lines.append(line)
        if "Ctrl-C" in line:
            break
    else:
        pytest.fail("".join(running.lines))
    yield running
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    process.stdout.close()
    with psycopg.connect(f"{_address()} dbname=postgres", autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def eventually(found: Callable[[], object], what: str, within_s: float = 40.0) -> object:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.25)
    return pytest.fail(f"{what} did not arrive within {within_s:.0f} s")


SPANS = """
    SELECT {what} FROM tm_span s
    JOIN tm_resource r ON r.id = s.resource_id JOIN tm_name n ON n.id = s.name_id WHERE {where}
"""


def together(demo: Demo, path: str, count: int) -> str:
    """Ask `count` times at once, as parts of one trace; returns its id."""
    trace_id = os.urandom(16).hex()
    parent = {"traceparent": f"00-{trace_id}-{os.urandom(8).hex()}-01"}
    with ThreadPoolExecutor(count) as pool:
        asked = [
            pool.submit(requests.get, demo.shop_url + path, headers=parent, timeout=30)
            for _ in range(count)
        ]
        assert all(one.result() is not None for one in asked)
    return trace_id


@pytest.mark.timeout(300)
def test_what_the_shop_sends_arrives_and_each_fault_shows_while_it_is_on(demo: Demo):
    """One test: the shop takes as long to start as all of this."""
    everything_arrives_and_hangs_together()
    faults_show_while_they_are_on(demo)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{demo.shop_url}/health", timeout=2)


def everything_arrives_and_hangs_together() -> None:
    across = """
        SELECT 1 FROM tm_span server JOIN tm_resource rs ON rs.id = server.resource_id
        JOIN tm_span client ON client.trace_id = server.trace_id
             AND client.span_id = server.parent_id
        JOIN tm_resource rc ON rc.id = client.resource_id
        WHERE rs.service = 'inventory' AND rc.service = 'shop' AND server.kind = 2
              AND client.kind = 3 LIMIT 1
    """
    eventually(lambda: rows(across), "a trace through both services")
    logs = """
        SELECT l.body FROM tm_log l JOIN tm_resource r ON r.id = l.resource_id
        JOIN tm_span s ON s.trace_id = l.trace_id AND s.span_id = l.span_id
        WHERE r.service = '{}' AND l.body = '{}' LIMIT 1
    """
    eventually(lambda: rows(logs.format("shop", "booking_success")), "a log line of a shop span")
    eventually(lambda: rows(logs.format("inventory", "seats_checked")), "an inventory log line")
    metrics = """
        SELECT m.name, m.temporality FROM tm_series e JOIN tm_metric m ON m.id = e.metric_id
        JOIN tm_resource r ON r.id = e.resource_id WHERE r.service = '{}'
    """
    wanted = {"booking.attempts", "booking.latency", "tickets.remaining"}
    wanted |= {"http.server.request.duration", "http.client.request.duration"}
    eventually(lambda: {name for name, _ in rows(metrics.format("shop"))} >= wanted, "metrics")
    eventually(
        lambda: ("http.server.request.duration", 1) in rows(metrics.format("inventory")),
        "the inventory's delta histogram",
    )
    scales = "SELECT DISTINCT scale IS NULL FROM tm_hist h JOIN tm_series e ON e.id = h.series_id"
    scales += " JOIN tm_resource r ON r.id = e.resource_id WHERE r.service = 'shop'"
    assert rows(scales) == [(False,)]
    fields = rows("SELECT attrs FROM tm_log WHERE body = 'booking_success' LIMIT 1")[0][0]
    fields = fields if isinstance(fields, dict) else json.loads(fields)
    assert {"event_id", "seats", "customer", "booking_id"} <= fields.keys()
    # Its own exports are not traced, or every export would make the next one.
    exports = SPANS.format(what="count(*)", where="s.attrs::text LIKE '%/v1/traces%'")
    assert rows(exports) == [(0,)]
    sql = SPANS.format(
        what="count(*)", where="r.service = 'shop' AND s.attrs->>'db.system.name' = 'postgresql'"
    )
    eventually(lambda: rows(sql)[0][0], "SQL spans")


def faults_show_while_they_are_on(demo: Demo) -> None:
    def queries_of_list() -> int:
        """SQL spans below the newest finished list request."""
        trace_id = os.urandom(16).hex()
        parent = f"00-{trace_id}-{os.urandom(8).hex()}-01"
        requests.get(f"{demo.shop_url}/events", headers={"traceparent": parent}, timeout=10)
        where = f"s.trace_id = '{trace_id}'"
        eventually(
            lambda: rows(SPANS.format(what="1", where=where + " AND s.kind = 2")), "the list's span"
        )
        return rows(SPANS.format(what="count(*)", where=where + " AND s.kind = 3"))[0][0]

    assert queries_of_list() <= 2
    demo.fault("on", "n_plus_1")
    assert queries_of_list() > 20
    demo.fault("off", "n_plus_1")
    assert queries_of_list() <= 2

    assert "on   missing_index" in demo.fault("on", "missing_index")
    shop_database = demo.environment["SHOP_DATABASE_URL"]
    plan = "EXPLAIN SELECT * FROM shop_price WHERE event_id = 5 AND at > now() - interval '7 days'"

    def plan_of_prices() -> str:
        with psycopg.connect(shop_database) as shop:
            return "\n".join(line for (line,) in shop.execute(plan).fetchall())

    assert "Seq Scan" in plan_of_prices()
    demo.fault("off", "missing_index")
    assert "shop_price_event_at" in plan_of_prices()

    demo.switch("slow_downstream")
    answer = requests.get(f"{demo.shop_url}/events/5", timeout=10)
    assert answer.elapsed.total_seconds() >= 0.6

    demo.switch("slow_downstream", "small_pool")
    begun = time.monotonic()
    together(demo, "/events/5", 4)
    # Each holds the only connection while it waits for the inventory.
    assert time.monotonic() - begun >= 4 * 0.6
    demo.switch()

    report = "s.trace_id = '{0}' AND s.attrs->>'db.query.text' LIKE '%GROUPING SETS%'"
    computed = SPANS.format(what="count(*)", where=report)
    finished = SPANS.format(what="count(*)", where="s.trace_id = '{0}' AND s.kind = 2")
    cache = redis.Redis.from_url(demo.environment["SHOP_REDIS_URL"])

    def computations() -> int:
        cache.delete("shop:1:demand")
        trace_id = together(demo, "/analysis/demand", 6)
        eventually(lambda: rows(finished.format(trace_id))[0][0] == 6, "six requests")
        return rows(computed.format(trace_id))[0][0]

    # The shop reads its switches twice a second, and the demo's own traffic may fill the cache
    # between its emptying and the six requests: what counts is what it can be brought to do.
    demo.switch("stampede")
    assert any(computations() >= 2 for _ in range(6))
    demo.switch()
    assert any(computations() <= 1 for _ in range(6))
    assert computations() <= 1
    cache.close()

    demo.switch("error_burst")
    order = {"event_id": 150, "seats": 1, "customer": "c1"}
    statuses = {
        requests.post(f"{demo.shop_url}/bookings", json=order, timeout=10).status_code
        for _ in range(40)
    }
    assert {201, 500} <= statuses
    demo.switch()
    failed = "SELECT 1 FROM tm_log WHERE body = 'booking_failed' AND severity = 17 LIMIT 1"
    eventually(lambda: rows(failed), "the failure's log line")
