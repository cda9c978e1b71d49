"""Figures of your own, from any code that runs in the portal's processes.

    from apps.monitoring.custom import Namespace

    bookings = Namespace("Ticketing/Bookings")
    attempts = bookings.counter("BookingAttempts", unit="Count", dimensions=["Status"])
    latency = bookings.distribution("BookingLatency", unit="Milliseconds", dimensions=["Status"])

    attempts.add(1, Status="success")
    with latency.timed(Status="success"):
        book()

Declaring checks names and raises; recording never blocks and never raises. What finds no room in
the recorder's buffer, has undeclared dimensions, is no number or negative is counted as dropped
(`pharos.custom.dropped` by metric and reason); sets of values beyond 2,000 share one series marked
`otel.metric.overflow`. Services outside the portal send the same by any OpenTelemetry SDK.
"""

import math
import re
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from apps.monitoring import recorder
from apps.monitoring.recorder import events
from apps.monitoring.recorder.buffer import recorder as buffer

# OpenTelemetry's syntax of instrument names.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,119}")
_DIMENSION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}")
_MOST_DIMENSIONS: Final = 10
_LONGEST_VALUE: Final = 200
_LARGEST: Final = sys.float_info.max
# CloudWatch's words for units; others are taken as UCUM.
_UNITS: Final[Mapping[str, str]] = {
    "Count": "1", "None": "1", "Percent": "%", "Seconds": "s", "Milliseconds": "ms",
    "Microseconds": "us", "Bytes": "By", "Kilobytes": "kBy", "Megabytes": "MBy",
    "Gigabytes": "GBy", "Bytes/Second": "By/s", "Count/Second": "1/s",
}  # fmt: skip
_IN_SECONDS: Final = {"s": 1.0, "ms": 1e3, "us": 1e6}


@dataclass(frozen=True)
class _Instrument:
    """One metric: what it is called, its unit, and the dimensions it may have."""

    name: str
    unit: str
    dimensions: frozenset[str]

    def _record(
        self, kind: int, value: float, given: Mapping[str, object], *, signed: bool = False
    ) -> None:
        if not recorder.enabled():
            return
        reason = self._fault(value, given, signed=signed)
        if reason:
            attrs = {"metric": self.name, "reason": reason}
            recorder.count("pharos.custom.dropped", 1, "{event}", attrs)
            return
        told = {name: _text(item) for name, item in given.items()}
        buffer.add((kind, self.name, float(value), self.unit, told))

    def _fault(self, value: Any, given: Mapping[str, object], *, signed: bool) -> str:
        if not given.keys() <= self.dimensions:
            return "undeclared_dimension"
        # Integers may be larger than any float; NaN is not within anything.
        if not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
            return "not_a_number"
        return "negative" if value < 0 and not signed else ""


@dataclass(frozen=True)
class Counter(_Instrument):
    """Counts what happened."""

    def add(self, value: float = 1, /, **dimensions: object) -> None:
        """Add `value`; a negative one is dropped."""
        self._record(events.COUNT, value, dimensions)


@dataclass(frozen=True)
class Gauge(_Instrument):
    """Tells how much there is now."""

    def set(self, value: float, /, **dimensions: object) -> None:
        """The level from now on."""
        self._record(events.GAUGE, value, dimensions, signed=True)


@dataclass(frozen=True)
class Distribution(_Instrument):
    """Keeps how values are spread, for percentiles."""

    def observe(self, value: float, /, **dimensions: object) -> None:
        """Add one value; a negative one is dropped."""
        self._record(events.OBSERVE, value, dimensions)

    @contextmanager
    def timed(self, **dimensions: object) -> Iterator[None]:
        """Observe how long the body took, in this metric's unit of time, also when it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = (time.perf_counter() - began) * _IN_SECONDS.get(self.unit, 1.0)
            self.observe(took, **dimensions)


@dataclass(frozen=True)
class Namespace:
    """What belongs together; its name is the first part of every metric's."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no namespace: letters, digits and _ . - / only.")

    def counter(self, name: str, unit: str = "1", dimensions: Collection[str] = ()) -> Counter:
        """A count. Raises ValueError for a malformed declaration."""
        return Counter(*self._declared(name, unit, dimensions))

    def gauge(self, name: str, unit: str = "1", dimensions: Collection[str] = ()) -> Gauge:
        """A level. Raises ValueError for a malformed declaration."""
        return Gauge(*self._declared(name, unit, dimensions))

    def distribution(
        self, name: str, unit: str = "s", dimensions: Collection[str] = ()
    ) -> Distribution:
        """A spread of values. Raises ValueError for a malformed declaration."""
        return Distribution(*self._declared(name, unit, dimensions))

    def _declared(
        self, name: str, unit: str, dimensions: Collection[str]
    ) -> tuple[str, str, frozenset[str]]:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a metric: letters, digits and _ . - / only.")
        if isinstance(dimensions, str) or len(dimensions) > _MOST_DIMENSIONS:
            raise ValueError(f"{name}: give a list of at most {_MOST_DIMENSIONS} dimensions.")
        wrong = [one for one in dimensions if not _DIMENSION.fullmatch(one)]
        if wrong:
            raise ValueError(f"{name}: {wrong[0]!r} is no name of a dimension.")
        found = _UNITS.get(unit, unit)
        if not 0 < len(found) <= 63 or not found.isascii():
            raise ValueError(f"{name}: {unit!r} is no unit.")
        return f"{self.name}.{name}", found, frozenset(dimensions)


def _text(value: object) -> object:
    """A value as an attribute: short, and of a type that JSON has."""
    if isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or math.isfinite(value) else str(value)
    try:
        return str(value)[:_LONGEST_VALUE]
    except Exception:  # noqa: BLE001 (somebody's __str__ must not fail their request)
        return "(no text)"
