"""What else holds while telemetry comes: lines are found soon, the API answers, memory stays.

`lines`: 5,000 log lines a second, in requests that are due at fixed times (open loop); a line's
time runs from when it was due until a query has found it. `api`: the same API question asked
without and with a full-rate sender of spans beside it, by turns in one run. `memory`: what web and
intake processes hold after the first full round and after the last.
"""

import http.client
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psutil
import psycopg

from benchmarks import harness, intake

LINES_S, LINES_A_REQUEST, SECONDS = 5_000, 100, 10.0
ROUNDS = 3
SEARCHABLE_P99_S, API_P95_MS, GROWTH_MIB = 1.0, 1_000, 64
API = "/admin/monitoring/components"


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def ask(bench: intake.Bench, method: str, path: str, body: bytes | None = None) -> float:
    """Seconds of one request. Raises RuntimeError when it is not answered with 200."""
    connection = http.client.HTTPConnection(urlsplit(bench.url).netloc, timeout=30)
    headers = {
        "authorization": f"Bearer {bench.key}", "content-type": "application/x-protobuf",
    }  # fmt: skip
    begun = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {content[:500]!r}")
    return time.perf_counter() - begun


def lines(bench: intake.Bench, conninfo: str) -> list[float]:
    """Seconds until the last line of each request was found, from when it was due."""
    from tests.monitoring.intake import messages

    step_s = LINES_A_REQUEST / LINES_S
    requests = [messages.typical_logs(LINES_A_REQUEST) for _ in range(int(SECONDS / step_s))]
    bodies = [request.SerializeToString() for request in requests]
    trace_ids = [
        request.resource_logs[0].scope_logs[0].log_records[-1].trace_id.hex()
        for request in requests
    ]
    own = threading.local()

    def one(number: int, due: float) -> float:
        time.sleep(max(0.0, due - time.perf_counter()))
        ask(bench, "POST", "/v1/logs", bodies[number])
        if not hasattr(own, "connection"):
            own.connection = psycopg.connect(conninfo, autocommit=True)
        find = "SELECT 1 FROM tm_log WHERE trace_id = %s AND ts > now() - interval '5 minutes'"
        while own.connection.execute(find, [trace_ids[number]]).fetchone() is None:
            time.sleep(0.005)
        return time.perf_counter() - due

    begun = time.perf_counter() + 0.5
    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(one, i, begun + i * step_s) for i in range(len(bodies))]
        return [call.result() for call in calls]


def during(bench: intake.Bench, rate: Callable[[], object]) -> list[float]:
    """Milliseconds of API answers while `rate` runs."""
    done = threading.Event()

    def work() -> list[float]:
        took = []
        # A key may ask 100 times a minute.
        while not done.wait(0.25) and len(took) < 90 // (2 * ROUNDS):
            took.append(ask(bench, "GET", API) * 1000)
        return took

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(work)
        try:
            rate()
        finally:
            done.set()
        return asking.result()


def memory_mib(bench: intake.Bench) -> float:
    web = psutil.Process(bench.web)
    return sum(p.memory_info().rss for p in (web, *web.children(recursive=True))) / 2**20


def run(bench: intake.Bench, conninfo: str) -> bool:
    bench.round("traces")
    before_mib = memory_mib(bench)
    quiet: list[float] = []
    busy: list[float] = []
    for _ in range(ROUNDS):
        quiet += during(bench, lambda: time.sleep(2))
        busy += during(bench, lambda: bench.round("traces"))
    found = lines(bench, conninfo)
    figures = {
        "searchable_p50_s": quantile(found, 0.5),
        "searchable_p99_s": quantile(found, 0.99),
        "api_quiet_p95_ms": quantile(quiet, 0.95),
        "api_busy_p95_ms": quantile(busy, 0.95),
        "api_ratio": quantile(busy, 0.95) / quantile(quiet, 0.95),
        "memory_grew_mib": memory_mib(bench) - before_mib,
    }
    harness.table(["figure", "value"], [[name, value] for name, value in figures.items()])
    passed = (
        figures["searchable_p99_s"] <= SEARCHABLE_P99_S
        and figures["api_busy_p95_ms"] <= API_P95_MS
        and figures["memory_grew_mib"] <= GROWTH_MIB
    )
    harness.summary("intake_mixed", passed=passed, **figures)
    return passed


def main() -> int:
    with intake.serving() as (bench, conninfo):
        return 0 if run(bench, conninfo) else 1


if __name__ == "__main__":
    sys.exit(main())
