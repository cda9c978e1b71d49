"""Remote write requests → rows. Each series is decoded once and remembered by its labels.

Senders cut and shard their series as they like, so nothing here may depend on what else stands in
the same request: one bucket of a classic histogram is a counter of its own. Native histograms
arrive whole and are kept as the histograms they are.
"""

import math
import threading
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError

from apps.monitoring.intake import limits
from apps.monitoring.prometheus import messages, naming, native
from apps.monitoring.prometheus.labels import attributes, exemplar_row
from apps.monitoring.prometheus.text import LABELS
from apps.monitoring.store.rows import Batch, Metric, Resource, Sample, Series

_REMEMBERED: Final = 100_000
# What one unit of memory is: labels beyond it count again.
_UNIT_BYTES: Final = 512
_REMEMBERED_BYTES: Final = 4 * 1024
# Senders cut at some thousand. A megabyte can claim half a million, each some work.
MOST_ITEMS: Final = 100_000
_COUNTER, _GAUGE, _HISTOGRAM, _SUMMARY = 1, 2, 3, 5
_CANNOT: Final = "The body is not a {name}."


class WriteError(ValueError):
    """The whole request is worthless; sending it again changes nothing."""


@dataclass
class Written:
    """What one request holds: rows, counts for the answer, and why other items were refused."""

    batch: Batch = field(default_factory=Batch)
    samples: int = 0
    histograms: int = 0
    exemplars: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    # Where the native histograms of a set of labels ended up: exemplars come apart from them.
    places: dict[Hashable, int] = field(default_factory=dict)
    _expected: int = 0

    def expect(self, items: int) -> int:
        """So many more, as given. Raises WriteError beyond what one request may hold."""
        self._expected += items
        if self._expected > MOST_ITEMS:
            raise WriteError(f"The body has more than {MOST_ITEMS} samples.")
        return items


class _Known:
    """Series by their labels. Bounded; forgotten whole when full, for all of it can be redone."""

    def __init__(self) -> None:
        self._series: dict[Hashable, Series] = {}
        self._weight = 0
        self._resources: dict[tuple[str, str], Resource] = {}
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Series | None:
        return self._series.get(key)

    def keep(self, key: Hashable, series: Series, size_bytes: int) -> None:
        if size_bytes > _REMEMBERED_BYTES:
            return
        with self._lock:
            if self._weight >= _REMEMBERED:
                self._series.clear()
                self._weight = 0
            self._series[key] = series
            self._weight += 1 + size_bytes // _UNIT_BYTES

    def resource(self, job: str, instance: str) -> Resource:
        """`job` and `instance` are OpenTelemetry's service.name and service.instance.id."""
        found = self._resources.get((job, instance))
        if found is None:
            attrs = {"service.name": job or "unknown_service", "service.instance.id": instance}
            found = Resource({name: text for name, text in attrs.items() if text})
            with self._lock:
                if len(self._resources) >= _REMEMBERED // 10:
                    self._resources.clear()
                self._resources[job, instance] = found
        return found


_known: Final = _Known()


def decode(body: bytes, *, version: int) -> Written:
    """The rows of one uncompressed body. Raises WriteError."""
    message = messages.WriteRequest if version == 1 else messages.Request2
    try:
        request = message.FromString(body)
        if len(request.timeseries) > MOST_ITEMS:
            raise WriteError(f"The body has more than {MOST_ITEMS} series.")
        return _first(request) if version == 1 else _second(request)
    except DecodeError:
        name = "WriteRequest" if version == 1 else "io.prometheus.write.v2.Request"
        raise WriteError(_CANNOT.format(name=name)) from None


def _first(request: Any) -> Written:
    done = Written()
    for one in request.timeseries:
        items = done.expect(len(one.samples) + len(one.histograms))
        place = tuple(one.labels)
        if items:
            kind = (0, bool(one.histograms))
            series = _known.find((kind, place))
            if series is None:
                pairs = [messages.Label.FromString(raw) for raw in place]
                series = _series([(pair.name, pair.value) for pair in pairs], kind, done, items)
                if series is None:
                    continue
                _known.keep((kind, place), series, sum(map(len, place)))
            _append(one, series, 0, place, done)
        _exemplars([({p.name: p.value for p in e.labels}, e) for e in one.exemplars], place, done)
    return done


def _second(request: Any) -> Written:
    done = Written()
    symbols = list(request.symbols)
    if symbols and symbols[0]:
        raise WriteError("The first symbol must be empty.")
    for one in request.timeseries:
        items = done.expect(len(one.samples) + len(one.histograms))
        try:
            place = tuple(_referred(one.labels_refs, symbols))
            exemplars = [(dict(_referred(e.labels_refs, symbols)), e) for e in one.exemplars]
        except IndexError:
            done.refused["a label refers to no symbol"] += max(items, 1)
            continue
        if items:
            kind = (one.metadata.type, bool(one.histograms))
            series = _known.find((kind, place))
            if series is None:
                series = _series(place, kind, done, items)
                if series is None:
                    continue
                size = sum(len(name) + len(text) for name, text in place)
                _known.keep((kind, place), series, size)
            _append(one, series, one.created_timestamp, place, done)
        _exemplars(exemplars, place, done)
    return done


def _referred(refs: Sequence[int], symbols: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of name and value. Raises IndexError."""
    if len(refs) % 2:
        raise IndexError
    return [(symbols[refs[at]], symbols[refs[at + 1]]) for at in range(0, len(refs), 2)]


def _series(
    labels: Sequence[tuple[str, str]], kind: tuple[int, bool], done: Written, items: int
) -> Series | None:
    """The series with these labels; None, and its items refused, when they make no sense."""
    found = dict(labels)
    name = found.pop("__name__", "")
    reason = ""
    if not naming.NAME.fullmatch(name) or len(name) > limits.METRIC_NAME_BYTES:
        reason = "the metric name is absent, malformed or longer than 255 bytes"
    elif len(found) > LABELS:
        reason = f"a series has more than {LABELS} labels"
    elif len(found) + 1 < len(labels) or not all(found):
        reason = "a label has no name or comes twice"
    if reason:
        done.refused[reason] += items
        return None
    resource = _known.resource(found.pop("job", ""), found.pop("instance", ""))
    return Series(_metric(name, kind), resource, attributes(found, {}))


def _metric(name: str, kind: tuple[int, bool]) -> Metric:
    told, is_native = kind
    if is_native:
        return naming.histogram(name)
    if told == _COUNTER:
        return naming.counter(name)
    if told in (0, _HISTOGRAM, _SUMMARY):
        return naming.untyped(name)
    return naming.gauge(name)


def _append(one: Any, series: Series, created_ms: int, place: Hashable, done: Written) -> None:
    append = done.batch.samples.append
    for sample in one.samples:
        time_ns = sample.timestamp * 1_000_000
        if not 0 < time_ns <= limits.INT64_MAX:
            done.refused["a time is absent or out of range"] += 1
            continue
        value = sample.value
        start_ns = max(sample.start_timestamp or created_ms, 0) * 1_000_000
        # A stale marker is a NaN of its own: stored as "no value", which is what it says.
        append(
            Sample(
                series, time_ns, value if math.isfinite(value) else math.nan,
                start_ns if start_ns <= time_ns else 0,
            )
        )  # fmt: skip
        done.samples += 1
    for histogram in one.histograms:
        row = native.histogram(histogram, series, histogram.start_timestamp or created_ms)
        if row is None:
            done.histograms += 1
        elif isinstance(row, str):
            done.refused[row] += 1
        else:
            done.places[place] = len(done.batch.histograms)
            done.batch.histograms.append(row)
            done.histograms += 1


def _exemplars(
    found: Sequence[tuple[Mapping[str, str], Any]], place: Hashable, done: Written
) -> None:
    """Exemplars of a native histogram of this request; those of bare buckets have no place."""
    at = done.places.get(place)
    if not found or at is None:
        return
    rows = [
        exemplar_row(dict(labels), exemplar.value, exemplar.timestamp * 1_000_000)
        for labels, exemplar in found[-limits.EXEMPLARS :]
        if 0 < exemplar.timestamp <= limits.INT64_MAX // 1_000_000
    ]
    done.batch.histograms[at] = done.batch.histograms[at]._replace(exemplars=rows or None)
    done.exemplars += len(rows)
