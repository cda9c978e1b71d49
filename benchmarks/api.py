"""What the API kit costs: a list against the plainest view, a 304, rendering, and deep pages.

Everything runs in one process on one processor, with the portal's middleware but for the recorder,
on PostgreSQL of our own. Requests go through `WSGIHandler.__call__` (Django's test client goes
round it), in blocks that take turns. All list views are asked the same and run the same query.
"""

import os
import sys
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

from benchmarks import harness

ROWS, PAGE = 200_000, 20
BLOCK, WARM, ROUNDS = 20, 5, 60
DEPTHS = (1, 1_000, 100_000)
LIMIT_RATIO, LIMIT_304_MS = 1.15, 1.5
_TABLE = f"""
CREATE TABLE bench_row (
    id bigint PRIMARY KEY, at timestamptz NOT NULL, name text NOT NULL,
    price numeric(20, 6) NOT NULL, value double precision NOT NULL
);
INSERT INTO bench_row
SELECT n, timestamptz '2026-01-01' + n / 3 * interval '1 s', 'row ' || n, n / 7.0, n * 0.5
FROM generate_series(1, {ROWS}) n;
CREATE INDEX ON bench_row (at, id);
ANALYZE bench_row;
"""


def set_up():
    """Django on the embedded database, with the table and a key."""
    os.environ["PHAROS_RECORDER"] = "0"
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    from django.conf import settings

    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "RecorderMiddleware" not in m]
    settings.ROOT_URLCONF = "benchmarks.api_views"
    settings.ALLOWED_HOSTS = ["*"]
    if hasattr(settings, "PHAROS_RATE_LIMITS"):
        settings.PHAROS_RATE_LIMITS = dict.fromkeys(settings.PHAROS_RATE_LIMITS, 10**9)
    import django
    import psycopg

    from apps.core.embedded.home import Home

    run_dir = Home.current().run_dir
    with psycopg.connect(f"host={run_dir} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE pharos")
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from apps.core.services import apikeys

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
    return apikeys.create("bench", ["read"])[1]


class Caller:
    """One address, called the way a server does."""

    def __init__(self, handler, key, address, **headers):
        path, _, query = address.partition("?")
        self._handler = handler
        self._environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "bench", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
            "HTTP_AUTHORIZATION": f"Bearer {key}", **headers,
        }  # fmt: skip
        self.status, self.headers, self.body = "", {}, b""

    def __call__(self):
        response = self._handler({**self._environ, "wsgi.input": BytesIO()}, self._started)
        self.body = b"".join(response)
        response.close()

    def _started(self, status, headers, exc_info=None):  # noqa: ARG002
        self.status, self.headers = status, dict(headers)

    def block(self):
        """Microseconds a request, over one block: on the clock, and of this process's CPU."""
        for _ in range(WARM):
            self()
        began, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(BLOCK):
            self()
        cpu = time.process_time_ns() - cpu
        return (time.perf_counter_ns() - began) / BLOCK / 1000, cpu / BLOCK / 1000


def lists(handler, key):
    """The same page by the kit, by a plain view and by DRF's generic one, and its 304."""
    query = f"?page_size={PAGE}&least=1"
    callers = {
        "plain": Caller(handler, key, f"/plain{query}"),
        "plain again": Caller(handler, key, f"/plain{query}"),
        "kit": Caller(handler, key, f"/kit{query}"),
        "generic": Caller(handler, key, f"/generic{query}"),
        "kit, kept": Caller(handler, key, f"/kept{query}"),
    }
    for name, caller in callers.items():
        caller()
        assert caller.status.startswith("200"), (name, caller.status, caller.body)
        assert caller.body.count(b'"name"') == PAGE, name
    tag = callers["kit, kept"].headers["ETag"]
    callers["304"] = Caller(handler, key, f"/kept{query}", HTTP_IF_NONE_MATCH=tag)
    callers["304"]()
    assert callers["304"].status.startswith("304")
    found = harness.interleaved({name: one.block for name, one in callers.items()}, ROUNDS)
    clock = {name: [us for us, _ in blocks] for name, blocks in found.items()}
    cpu = {name: [us for _, us in blocks] for name, blocks in found.items()}
    rows = [
        (name, harness.median(us) / 1000, _ratio(us, clock["plain"]), min(us) / 1000,
         harness.median(cpu[name]) / 1000, _ratio(cpu[name], cpu["plain"]))
        for name, us in clock.items()
    ]  # fmt: skip
    heads = ("list of 20", "median ms", "ratio to plain", "least ms", "CPU ms", "CPU ratio")
    harness.table(heads, rows)
    return {name: (middle, ratio) for name, middle, ratio, *_ in rows}


def _ratio(ours, theirs):
    """The median of the ratios of neighbours in time."""
    return harness.median([a / b for a, b in zip(ours, theirs, strict=True)])


def rendering():
    """A page of 100 rows with a time, a decimal and a UUID each."""
    import msgspec
    from rest_framework.renderers import JSONRenderer as Stock

    from apps.core.api.renderers import dumps

    at = datetime(2026, 11, 25, 13, 0, 0, 123456, tzinfo=UTC)
    page = {"items": [
        {"id": uuid.UUID(int=n), "at": at, "price": Decimal(n) / 7, "name": f"row {n}",
         "value": n * 0.1, "labels": {"service": "shop", "host": "one"}}
        for n in range(100)
    ]}  # fmt: skip
    stock = Stock()
    arms = {
        "stock": lambda: stock.render(page),
        "kit (orjson)": lambda: dumps(page),
        "msgspec": lambda: msgspec.json.encode(page),
    }
    found = harness.interleaved({n: lambda f=f: _each_us(f, 50) for n, f in arms.items()}, 30)
    rows = [(n, harness.median(us), _ratio(found["stock"], us)) for n, us in found.items()]
    harness.table(("rendering 100 rows", "median µs", "times faster"), rows)
    return {name: faster for name, _, faster in rows}


def _each_us(call, times):
    began = time.perf_counter_ns()
    for _ in range(times):
        call()
    return (time.perf_counter_ns() - began) / times / 1000


def depths():
    """One page, by key and by OFFSET, ever deeper."""
    from apps.core.api.sources import Rows
    from benchmarks.api_views import Row

    source = Rows(Row.objects.all(), ("-at", "-pk"))
    arms = {}
    for depth in DEPTHS:
        key = source.key(source.at(depth - 1, 1)[0])
        assert source.after(key, PAGE) == source.at(depth, PAGE)
        arms["key", depth] = lambda key=key: _each_us(lambda: source.after(key, PAGE), 10)
        arms["offset", depth] = lambda d=depth: _each_us(lambda: source.at(d, PAGE), 2)
    found = harness.interleaved(arms, 15)
    middle = {arm: harness.median(us) / 1000 for arm, us in found.items()}
    rows = [
        (f"{depth:,}", middle["key", depth], middle["offset", depth],
         middle["offset", depth] / middle["key", depth])
        for depth in DEPTHS
    ]  # fmt: skip
    harness.table(("page after row", "key ms", "offset ms", "offset/key"), rows)
    return middle


def main():
    """The tables, and the verdict."""
    with harness.embedded():
        key = set_up()
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        from django.core.handlers.wsgi import WSGIHandler

        listed = lists(WSGIHandler(), key)
        rendered = rendering()
        deep = depths()
        from django.db import connections

        connections.close_all()
    ratio, not_modified_ms = listed["kit"][1], listed["304"][0]
    flat = deep["key", DEPTHS[-1]] / deep["key", DEPTHS[0]]
    passed = ratio <= LIMIT_RATIO and not_modified_ms <= LIMIT_304_MS and flat <= 1.5
    harness.summary(
        "api", passed=passed, kit_to_plain=ratio, noise=listed["plain again"][1],
        generic_to_plain=listed["generic"][1], not_modified_ms=not_modified_ms,
        kit_ms=listed["kit"][0], plain_ms=listed["plain"][0],
        rendering_times_faster=rendered["kit (orjson)"], key_deepest_to_first=flat,
        offset_to_key_at_deepest=deep["offset", DEPTHS[-1]] / deep["key", DEPTHS[-1]],
    )  # fmt: skip
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
