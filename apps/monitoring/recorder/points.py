"""Delta sums, gauges and scale-5 histograms, gathered between two shipments."""

import time
from collections.abc import Mapping
from math import ceil, isfinite, log2
from typing import Any, Final

from apps.monitoring.store.rows import (
    Batch,
    Histogram,
    Kind,
    Metric,
    Resource,
    Sample,
    Series,
    Temporality,
)

SCALE: Final = 5
# OpenTelemetry's limit on attribute sets of one metric; what is beyond shares one series.
_MOST_SERIES: Final = 2000
_OVERFLOW: Final = {"otel.metric.overflow": True}


class Sum:
    """A delta sum."""

    __slots__ = ("series", "value")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.value: float | None = None

    def add(self, value: float) -> None:
        self.value = (self.value or 0) + value

    def write(self, batch: Batch, start_ns: int, now_ns: int) -> None:
        """Append a row when there is something to say, and begin anew."""
        if self.value is not None:
            batch.samples.append(Sample(self.series, now_ns, float(self.value), start_ns))
            self.value = None


class Gauge(Sum):
    """The last value told."""

    __slots__ = ()

    def add(self, value: float) -> None:
        self.value = value


class Distribution:
    """A delta histogram with base-2 exponential buckets, 32 to each doubling."""

    __slots__ = ("buckets", "count", "exemplar", "max", "min", "series", "sum", "zero")

    def __init__(self, series: Series) -> None:
        self.series = series
        self._begin()

    def _begin(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = self.zero = 0
        self.sum = 0.0
        self.min = self.max = 0.0
        self.exemplar: dict[str, Any] | None = None

    def add(self, value: float, exemplar: dict[str, Any] | None = None) -> None:
        """Count one value; negative ones (a clock that stepped back) count as zero."""
        value = max(value, 0.0)
        if not self.count or value < self.min:
            self.min = value
        if not self.count or value > self.max:
            self.max = value
            self.exemplar = exemplar
        self.count += 1
        self.sum += value
        if value > 0:
            index = ceil(log2(value) * 32) - 1
            self.buckets[index] = self.buckets.get(index, 0) + 1
        else:
            self.zero += 1

    def write(self, batch: Batch, start_ns: int, now_ns: int) -> None:
        """Append a row when there is something to say, and begin anew."""
        if not self.count:
            return
        offset = min(self.buckets, default=0)
        positive = [0] * (max(self.buckets, default=offset - 1) - offset + 1)
        for index, count in self.buckets.items():
            positive[index - offset] = count
        row = Histogram(
            self.series, start_ns, now_ns, self.count, self.sum, self.min, self.max, SCALE,
            self.zero, offset, positive, exemplars=[self.exemplar] if self.exemplar else None,
        )  # fmt: skip
        batch.histograms.append(row)
        self._begin()


_KINDS: Final[dict[Kind, type[Sum] | type[Distribution]]] = {
    Kind.SUM: Sum,
    Kind.GAUGE: Gauge,
    Kind.HISTOGRAM: Distribution,
}


class Points:
    """Every series of this process. Used by one thread."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._series: dict[tuple[Any, ...], Any] = {}
        self._sizes: dict[str, int] = {}
        self._start_ns = time.time_ns()

    def find(self, kind: Kind, name: str, unit: str, labels: tuple[Any, ...]) -> Any:
        """The series with these alternating attribute names and values."""
        key = (kind, name, unit, labels)
        found = self._series.get(key)
        if found is None:
            attrs = dict(zip(labels[::2], labels[1::2], strict=True))
            found = self._new(key, attrs)
        return found

    def find_attrs(self, kind: Kind, name: str, unit: str, attrs: Mapping[str, Any] | None) -> Any:
        """The same by a mapping, in any order."""
        labels = tuple(part for item in sorted(attrs.items()) for part in item) if attrs else ()
        return self.find(kind, name, unit, labels)

    def _new(self, key: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        kind, name, unit, labels = key
        size = self._sizes.get(name, 0)
        if size >= _MOST_SERIES and labels != tuple(*_OVERFLOW.items()):
            return self.find(kind, name, unit, tuple(*_OVERFLOW.items()))
        self._sizes[name] = size + 1
        gauge = kind is Kind.GAUGE
        metric = Metric(
            name, unit, kind, Temporality.NONE if gauge else Temporality.DELTA, monotonic=not gauge
        )
        made = _KINDS[kind](Series(metric, self._resource, attrs))
        self._series[key] = made
        return made

    def add(
        self, kind: Kind, name: str, value: float, unit: str, attrs: Mapping[str, Any] | None
    ) -> None:
        """Add to a series. Raises ValueError for a value that is no number."""
        if not isfinite(value):
            raise ValueError(f"{name}: {value} is not a finite number")
        self.find_attrs(kind, name, unit, attrs).add(value)

    def write(self, batch: Batch) -> None:
        """Append a row for each series that moved since the last time."""
        now_ns = time.time_ns()
        for series in self._series.values():
            series.write(batch, self._start_ns, now_ns)
        self._start_ns = now_ns
