"""Rows for the tests."""

import os
import time
from collections.abc import Iterable
from uuid import uuid4

from apps.monitoring.store.rows import (
    Batch,
    Histogram,
    Kind,
    LogRecord,
    Metric,
    Resource,
    Sample,
    Series,
    Span,
    Temporality,
)

RESOURCE = Resource({"service.name": "shop", "host.name": "a"})


def now_ns() -> int:
    return time.time_ns()


def span(name="GET /", resource=RESOURCE, start_ns=None, **over) -> Span:
    start = now_ns() if start_ns is None else start_ns
    values = {
        "resource": resource, "trace_id": os.urandom(16), "span_id": os.urandom(8),
        "parent_id": None, "name": name, "kind": 2, "start_ns": start,
        "end_ns": start + 5_000_000, "status": 0, "attrs": {"http.route": "/"},
    }  # fmt: skip
    return Span(**{**values, **over})


def log(body="hello", resource=RESOURCE, **over) -> LogRecord:
    values = {
        "resource": resource, "time_ns": now_ns(), "observed_ns": now_ns(), "severity": 9,
        "body": body, "attrs": {"k": "v"},
    }  # fmt: skip
    return LogRecord(**{**values, **over})


def series(
    name="m", kind=Kind.GAUGE, temporality=Temporality.NONE, resource=RESOURCE, monotonic=None,
    unit="1", **attrs,
) -> Series:  # fmt: skip
    rising = kind == Kind.SUM if monotonic is None else monotonic
    return Series(Metric(name, unit, kind, temporality, rising), resource, attrs)


def samples(of: Series, values: Iterable[float], start_ns=None, step_ns=10**9) -> list[Sample]:
    begin = now_ns() - 10**9 * 30 if start_ns is None else start_ns
    return [Sample(of, begin + i * step_ns, v) for i, v in enumerate(values)]


def histogram(of: Series, values: Iterable[float], time_ns=None, start_ns=0) -> Histogram:
    """A scale-5 delta point holding positive `values`."""
    from apps.monitoring.store import histograms

    state = histograms.from_values(values)
    return Histogram(
        of, start_ns, now_ns() if time_ns is None else time_ns, state.count, state.sum,
        state.min, state.max, 5, state.zero, state.positive.offset,
        state.positive.counts.tolist(),
    )  # fmt: skip


def batch(**kinds) -> Batch:
    return Batch(**{"key": uuid4(), **kinds})
