"""What the Overview draws: one panel for each question an engineer on call asks first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from portal.overview.reading import (
    NOW_WINDOW_S,
    Line,
    Reader,
    lines,
    seconds_to_ms,
    share,
    step_s,
    total,
)

REQUESTS: Final = "http.server.request.duration"
STATUS: Final = "http.response.status_code"
SQL: Final = "db.client.operation.duration"
CACHE: Final = "cache.requests"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart and its tile.

    `read` gives the lines over the range, `now` its one figure (None: unknown); less is `better`
    where a rise is bad news and more where it is good.
    `metric` is what it is drawn from.
    `host` panels tell of the machine, which only an agent on that machine can.
    """

    key: str
    title: Any
    short: Any
    unit: str
    read: Callable[[Reader], list[Line]]
    now: Callable[[Reader], float | None]
    hint: Any
    metric: str
    host: bool = False
    better: str = ""


def _by_status(reader: Reader) -> list[Any]:
    return reader.series(REQUESTS, "rate", (STATUS,))


def _requests(reader: Reader) -> list[Line]:
    return [Line("all", total(_by_status(reader)))]


def _requests_now(reader: Reader) -> float | None:
    known = [item.value for item in reader.now(REQUESTS, "rate", (STATUS,)) if item.value]
    return sum(known) if known else None


def _of_class(results: list[Any], first_digit: str) -> list[Any]:
    return [item for item in results if item.labels.get(STATUS, "").startswith(first_digit)]


def _errors(reader: Reader) -> list[Line]:
    results = _by_status(reader)
    whole = total(results)
    return [
        Line(f"{digit}xx", share(total(_of_class(results, digit)), whole)) for digit in ("5", "4")
    ]


def _errors_now(reader: Reader) -> float | None:
    items = reader.now(REQUESTS, "rate", (STATUS,))
    whole = sum(item.value or 0.0 for item in items)
    failed = sum(item.value or 0.0 for item in _of_class(items, "5"))
    return 100.0 * failed / whole if whole else None


def _latency(reader: Reader) -> list[Line]:
    found: list[Line] = []
    for percentile in ("p50", "p95", "p99"):
        for result in reader.series(REQUESTS, percentile):
            scale = seconds_to_ms(result.unit)
            found += [Line(percentile, line.values) for line in lines([result], str, scale)]
    return found


def _latency_now(reader: Reader) -> float | None:
    value = reader.value_now(REQUESTS, "p95")
    return None if value is None else value * _ms(reader, REQUESTS, "p95")


def _ms(reader: Reader, metric: str, aggregation: str) -> float:
    unit = next((result.unit for result in reader.series(metric, aggregation)), "s")
    return seconds_to_ms(unit)


def _hit_ratio(reader: Reader) -> list[Line]:
    results = reader.series(CACHE, "increase", ("cache.state",))
    asked = [item for item in results if item.labels.get("cache.state") in ("hit", "miss")]
    hits = [item for item in asked if item.labels["cache.state"] == "hit"]
    return [Line("hits", share(total(hits), total(asked)))] if asked else []


def _hit_ratio_now(reader: Reader) -> float | None:
    found = {
        item.labels.get("cache.state"): item.value or 0.0
        for item in reader.now(CACHE, "increase", ("cache.state",))
    }
    asked = found.get("hit", 0.0) + found.get("miss", 0.0)
    return 100.0 * found.get("hit", 0.0) / asked if asked else None


def _sql_time(reader: Reader) -> list[Line]:
    return [
        line
        for result in reader.series(SQL, "sum")
        for line in lines(
            [result], lambda _labels: "all", seconds_to_ms(result.unit) / step_s(result)
        )
    ]


def _sql_time_now(reader: Reader) -> float | None:
    value = reader.value_now(SQL, "sum")
    span = reader.figure_of
    covered_s = span.duration_s if span else NOW_WINDOW_S
    return None if value is None else value * _ms(reader, SQL, "sum") / covered_s


def _queue_age(reader: Reader) -> list[Line]:
    by = ("celery.queue.name",)
    found = reader.series("celery.queue.age", "max", by)
    return lines(found, lambda labels: labels.get("celery.queue.name", "all"))


def _queue_age_now(reader: Reader) -> float | None:
    return reader.value_now("celery.queue.age", "max")


def _cpu(reader: Reader) -> list[Line]:
    host = lines(reader.series("system.cpu.utilization", "avg"), lambda _labels: "host", 100.0)
    by_role = reader.series("process.cpu.utilization", "avg", ("process.role",))
    return host + lines(by_role, lambda labels: labels.get("process.role", "process"), 100.0)


def _cpu_now(reader: Reader) -> float | None:
    value = reader.value_now("system.cpu.utilization", "avg")
    return None if value is None else 100.0 * value


def _memory(reader: Reader) -> list[Line]:
    found = reader.series("system.memory.utilization", "avg")
    return lines(found, lambda _labels: "host", 100.0)


def _memory_now(reader: Reader) -> float | None:
    value = reader.value_now("system.memory.utilization", "avg")
    return None if value is None else 100.0 * value


def _by_direction(metric: str, label: str) -> Callable[[Reader], list[Line]]:
    def read(reader: Reader) -> list[Line]:
        found = reader.series(metric, "rate", (label,))
        return lines(found, lambda labels: labels.get(label, "all"))

    return read


def _rate_now(metric: str) -> Callable[[Reader], float | None]:
    def now(reader: Reader) -> float | None:
        return reader.value_now(metric, "rate")

    return now


def _connections(reader: Reader) -> list[Line]:
    return lines(reader.series("postgresql.connection.count", "sum"), lambda _labels: "all")


def _connections_now(reader: Reader) -> float | None:
    return reader.value_now("postgresql.connection.count", "sum")


_NOT_ASKED = _("Nobody asked it for anything in this range, or it is not instrumented.")
_NO_AGENT = _("Only the collectors know this, and none runs beside this service.")

PANELS: Final = (
    Panel(
        "requests", _("Requests"), _("Requests"), "req/s", _requests, _requests_now, _NOT_ASKED,
        REQUESTS,
    ),
    Panel(
        "errors", _("Errors"), _("Errors 5xx"), "%", _errors, _errors_now, _NOT_ASKED,
        REQUESTS, better="less",
    ),
    Panel(
        "latency", _("Response time"), _("p95"), "ms", _latency, _latency_now, _NOT_ASKED,
        REQUESTS, better="less",
    ),
    Panel(
        "hit_ratio", _("Cache hit ratio"), _("Cache hits"), "%", _hit_ratio, _hit_ratio_now,
        _("No cache lookup was recorded in this range."), CACHE, better="more",
    ),
    Panel(
        "sql_time", _("Time in SQL"), _("In SQL"), "ms/s", _sql_time, _sql_time_now,
        _("No SQL was recorded in this range."), SQL, better="less",
    ),
    Panel(
        "queue_age", _("Age of the oldest queued task"), _("Queue age"), "s", _queue_age,
        _queue_age_now, _NO_AGENT, "celery.queue.age", host=True, better="less",
    ),
    Panel(
        "cpu", _("CPU"), _("CPU"), "%", _cpu, _cpu_now, _NO_AGENT,
        "system.cpu.utilization", host=True,
    ),
    Panel(
        "memory", _("Memory"), _("Memory"), "%", _memory, _memory_now, _NO_AGENT,
        "system.memory.utilization", host=True,
    ),
    Panel(
        "network", _("Network"), _("Network"), "By/s",
        _by_direction("system.network.io", "network.io.direction"),
        _rate_now("system.network.io"), _NO_AGENT, "system.network.io", host=True,
    ),
    Panel(
        "disk", _("Disk"), _("Disk"), "By/s",
        _by_direction("system.disk.io", "disk.io.direction"),
        _rate_now("system.disk.io"), _NO_AGENT, "system.disk.io", host=True,
    ),
    Panel(
        "connections", _("Database connections"), _("DB connections"), "", _connections,
        _connections_now, _NO_AGENT, "postgresql.connection.count", host=True,
    ),
)  # fmt: skip
