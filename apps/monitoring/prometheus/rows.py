"""Families of one scrape → rows of the store.

The buckets of a classic histogram become one histogram, so percentiles work on it; everything
else keeps its name and labels.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from apps.monitoring.intake import limits
from apps.monitoring.prometheus import naming, native
from apps.monitoring.prometheus.labels import attributes, exemplar_row
from apps.monitoring.prometheus.text import Exemplar, Family, Sample, labels_of, number
from apps.monitoring.store import rows
from apps.monitoring.store.rows import Histogram, Metric, Resource, Series


class Known(NamedTuple):
    """What the head of a line meant the last time: its series, and the bound of its bucket."""

    series: Series
    bound: float | None


Memory = dict[tuple[str, str], Known]


@dataclass
class _Buckets:
    """One classic histogram while its lines are gathered."""

    series: Series
    time_ns: int
    start_ns: int = 0
    buckets: dict[float, float] = field(default_factory=dict)
    count: float | None = None
    sum: float | None = None
    exemplars: list[dict[str, Any]] = field(default_factory=list)


class Conversion:
    """The rows of one scrape. `memory` of the scrape before saves reading known labels again."""

    def __init__(
        self, resource: Resource, labels: Mapping[str, str], time_ns: int, before: Memory
    ) -> None:
        self.samples: list[rows.Sample] = []
        self.histograms: list[Histogram] = []
        self.refused: Counter[str] = Counter()
        self.memory: Memory = {}
        self._before = before
        self._resource = resource
        self._labels = labels
        self._now_ns = time_ns
        self._seen: set[Series] = set()

    def take(self, family: Family) -> None:
        """Append the rows of one family; what cannot be kept is counted in `refused`."""
        if len(family.name) > limits.METRIC_NAME_BYTES:
            items = len(family.samples) + len(family.natives)
            self.refused["metric name longer than 255 bytes"] += items
        elif family.type == "histogram":
            self._histogram(family)
        else:
            self._numbers(family)

    def _numbers(self, family: Family) -> None:
        created = self._created(family)
        for sample in family.samples:
            if sample.name.endswith("_created") and family.type in ("counter", "summary"):
                continue
            known = self._known(_metric(family, sample.name), sample)
            if known is None or self._repeated(known.series, sample):
                continue
            start_ns = created.get(sample.labels, 0)
            time_ns = sample.time_ns or self._now_ns
            value = _value(sample.value)
            self.samples.append(
                rows.Sample(known.series, time_ns, value, start_ns if start_ns <= time_ns else 0)
            )

    def _histogram(self, family: Family) -> None:
        found: dict[Series, _Buckets] = {}
        metric = naming.histogram(family.name, family.help[: limits.NAME_BYTES])
        self._natives(family, metric)
        for sample in family.samples:
            known = self._known(metric, sample)
            if known is None:
                continue
            one = found.get(known.series)
            if one is None:
                time_ns = sample.time_ns or self._now_ns
                one = found[known.series] = _Buckets(known.series, time_ns)
            self._part(one, family.name, sample, known.bound)
        for one in found.values():
            row = _finished(one)
            if isinstance(row, str):
                self.refused[row] += 1
            else:
                self.histograms.append(row)

    def _natives(self, family: Family, metric: Metric) -> None:
        for point in family.natives:
            known = self._known(metric, Sample(family.name, point.labels, 0.0, None, None))
            if known is None:
                continue
            point.timestamp = point.timestamp or self._now_ns // 1_000_000
            row = native.histogram(point, known.series, point.created_ms)
            if isinstance(row, str):
                self.refused[row] += 1
            elif row is not None:
                told = [_exemplar(one, row.time_ns) for one in point.exemplars]
                self.histograms.append(row._replace(exemplars=told[-limits.EXEMPLARS :] or None))

    def _part(self, one: _Buckets, name: str, sample: Sample, bound: float | None) -> None:
        ending = sample.name.removeprefix(name)
        if ending == "_bucket" and bound is not None:
            one.buckets[bound] = sample.value
            if sample.exemplar is not None:
                one.exemplars.append(_exemplar(sample.exemplar, one.time_ns))
        elif ending == "_count":
            one.count = sample.value
        elif ending == "_sum":
            one.sum = sample.value if math.isfinite(sample.value) else None
        elif ending == "_created":
            one.start_ns = _nanoseconds(sample.value)

    def _created(self, family: Family) -> dict[str, int]:
        """When counters began, by their labels."""
        return {
            sample.labels: _nanoseconds(sample.value)
            for sample in family.samples
            if sample.name == f"{family.name}_created"
        }

    def _repeated(self, series: Series, sample: Sample) -> bool:
        """Whether the exposition says the same series twice for now; the first one counts."""
        if sample.time_ns is not None:
            return False
        if series in self._seen:
            self.refused["a series comes twice"] += 1
            return True
        self._seen.add(series)
        return False

    def _known(self, metric: Metric, sample: Sample) -> Known | None:
        """The series of a line; the same object for the same line of the scrape before."""
        key = (sample.name if metric.kind is not rows.Kind.HISTOGRAM else metric.name,
               sample.labels)  # fmt: skip
        known = self.memory.get(key) or self._before.get(key)
        if known is None or known.series.metric != metric:
            try:
                known = self._new(metric, sample.labels)
            except ValueError as error:
                self.refused[str(error)] += 1
                return None
        self.memory[key] = known
        return known

    def _new(self, metric: Metric, raw: str) -> Known:
        labels = labels_of(raw)
        bound = None
        if metric.kind is rows.Kind.HISTOGRAM and "le" in labels:
            bound = number(labels.pop("le"))
        attrs = attributes(labels, self._labels)
        if metric.kind is not rows.Kind.HISTOGRAM:
            return Known(Series(metric, self._resource, attrs), None)
        # All lines of one histogram share its series: found by the labels, whatever their order.
        key = (metric.name, repr(sorted(attrs.items())))
        shared = self.memory.get(key) or self._before.get(key)
        if shared is None or shared.series.metric != metric:
            shared = Known(Series(metric, self._resource, attrs), None)
        self.memory[key] = shared
        return Known(shared.series, bound)


def _metric(family: Family, name: str) -> Metric:
    about = family.help[: limits.NAME_BYTES]
    if family.type == "counter" or (
        family.type == "summary" and name in (f"{family.name}_count", f"{family.name}_sum")
    ):
        return naming.counter(name, about)
    if family.type in ("untyped", "unknown"):
        return naming.untyped(name)
    return naming.gauge(name, about)


def _value(value: float) -> float:
    """NaN is stored as "no value"; so is infinity, which no chart can show."""
    return value if math.isfinite(value) else math.nan


def _nanoseconds(seconds: float) -> int:
    if not math.isfinite(seconds) or not 0 < seconds < limits.INT64_MAX / 1e9:
        return 0
    return int(seconds * 1e9)


def _exemplar(exemplar: Exemplar, time_ns: int) -> dict[str, Any]:
    try:
        labels = labels_of(exemplar.labels)
    except ValueError:
        labels = {}
    return exemplar_row(labels, exemplar.value, exemplar.time_ns or time_ns)


def _finished(one: _Buckets) -> Histogram | str:
    """The row, or why there is none."""
    bounds = sorted(one.buckets)
    total = one.buckets.get(math.inf, one.count)
    if total is None:
        return "a histogram has neither the bucket +Inf nor a count"
    finite = tuple(bound for bound in bounds if math.isfinite(bound))
    if len(finite) > limits.BUCKETS:
        return f"a histogram has more than {limits.BUCKETS} buckets"
    running = [*(one.buckets[bound] for bound in finite), total]
    if not all(math.isfinite(n) and 0 <= n <= limits.INT64_MAX for n in running):
        return "a count of a histogram is out of range"
    counts = [round(now - before) for before, now in zip([0.0, *running], running, strict=False)]
    if min(counts) < 0:
        return "the buckets of a histogram do not add up"
    return Histogram(
        one.series, min(one.start_ns, one.time_ns), one.time_ns, round(total), one.sum, None, None,
        scale=None, zero=0, offset=0, positive=counts, bounds=finite,
        exemplars=one.exemplars[-limits.EXEMPLARS :] or None,
    )  # fmt: skip
