"""Prometheus' protobuf exposition: the only one that carries native histograms in a scrape.

A body is MetricFamily messages, each behind its length. All but native histograms become the same
samples as text does. Field numbers: prometheus/client_model, io/prometheus/client/metrics.proto.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError

from apps.monitoring.prometheus import messages
from apps.monitoring.prometheus.text import Exemplar, ExpositionError, Family, Sample

MEDIA_TYPE: Final = "application/vnd.google.protobuf"
MESSAGE: Final = "io.prometheus.client.MetricFamily"
_TYPES: Final = {
    0: "counter", 1: "gauge", 2: "summary", 3: "untyped", 4: "histogram", 5: "gaugehistogram",
}  # fmt: skip
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_LONGEST_VARINT: Final = 5


@dataclass
class NativeHistogram:
    """One native histogram under the names that remote write gives its parts."""

    labels: str
    count_int: int
    count_float: float
    sum: float
    schema: int
    zero_count_int: int
    zero_count_float: float
    positive_spans: Any
    positive_deltas: Any
    positive_counts: Any
    negative_spans: Any
    negative_deltas: Any
    negative_counts: Any
    timestamp: int
    created_ms: int
    exemplars: list[Exemplar]
    reset_hint: int = 0
    custom_values: list[float] = field(default_factory=list)


def parse(body: bytes, *, most_samples: int) -> list[Family]:
    """All families, in order. Raises ExpositionError, also for more than `most_samples`."""
    families = []
    count = 0
    try:
        for packed in _messages(body):
            message = messages.MetricFamily.FromString(packed)
            family = _family(message)
            count += len(family.samples) + len(family.natives)
            if count > most_samples:
                raise ExpositionError(f"It has more than {most_samples} samples.")
            families.append(family)
            if len(families) > most_samples:
                raise ExpositionError(f"It has more than {most_samples} families.")
    except DecodeError:
        raise ExpositionError(f"Family {len(families) + 1} is no {MESSAGE}.") from None
    return families


def _messages(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        size = shift = 0
        for number in range(_LONGEST_VARINT + 1):
            if at >= len(body) or number == _LONGEST_VARINT:
                raise ExpositionError("It ends within a length.")
            byte = body[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if at + size > len(body):
            raise ExpositionError("It ends within a family, so a part of it is missing.")
        yield body[at : at + size]
        at += size


def _family(message: Any) -> Family:
    family = Family(message.name, _TYPES.get(message.type, "untyped"), message.help)
    for metric in message.metric:
        labels = _raw((pair.name, pair.value) for pair in metric.label)
        time_ns = metric.timestamp_ms * 1_000_000 or None
        _PARTS[family.type](family, metric, labels, time_ns)
    return family


def _number(family: Family, metric: Any, labels: str, time_ns: int | None) -> None:
    part = getattr(metric, family.type)
    exemplar = None
    if family.type == "counter":
        exemplar = _exemplar(part.exemplar) if part.HasField("exemplar") else None
        _created(family, part, labels)
    family.samples.append(Sample(family.name, labels, part.value, time_ns, exemplar))


def _summary(family: Family, metric: Any, labels: str, time_ns: int | None) -> None:
    part, name = metric.summary, family.name
    add = family.samples.append
    for one in part.quantile:
        full = _joined(labels, f'quantile="{one.quantile:g}"')
        add(Sample(name, full, one.value, time_ns, None))
    add(Sample(f"{name}_sum", labels, part.sample_sum, time_ns, None))
    add(Sample(f"{name}_count", labels, float(part.sample_count), time_ns, None))
    _created(family, part, labels)


def _histogram(family: Family, metric: Any, labels: str, time_ns: int | None) -> None:
    part, name = metric.histogram, family.name
    # Clients mark an empty native histogram by a span of no length.
    if part.positive_span or part.negative_span or part.zero_threshold:
        family.natives.append(_native(part, labels, metric.timestamp_ms))
        return
    add = family.samples.append
    for bucket in part.bucket:
        full = _joined(labels, f'le="{bucket.upper_bound!r}"')
        exemplar = _exemplar(bucket.exemplar) if bucket.HasField("exemplar") else None
        value = bucket.cumulative_count or bucket.cumulative_count_float
        add(Sample(f"{name}_bucket", full, float(value), time_ns, exemplar))
    total = float(part.sample_count or part.sample_count_float)
    add(Sample(f"{name}_sum", labels, part.sample_sum, time_ns, None))
    add(Sample(f"{name}_count", labels, total, time_ns, None))
    _created(family, part, labels)


def _native(part: Any, labels: str, timestamp_ms: int) -> NativeHistogram:
    return NativeHistogram(
        labels, part.sample_count, part.sample_count_float, part.sample_sum, part.schema,
        part.zero_count, part.zero_count_float,
        [s for s in part.positive_span if s.length], part.positive_delta, part.positive_count,
        [s for s in part.negative_span if s.length], part.negative_delta, part.negative_count,
        timestamp_ms, int(_seconds(part.created_timestamp) * 1000),
        [_exemplar(one) for one in (*part.exemplars, *_of_buckets(part))],
    )  # fmt: skip


def _of_buckets(part: Any) -> Iterable[Any]:
    return [bucket.exemplar for bucket in part.bucket if bucket.HasField("exemplar")]


_PARTS: Final = {
    "counter": _number, "gauge": _number, "untyped": _number, "summary": _summary,
    "histogram": _histogram, "gaugehistogram": _histogram,
}  # fmt: skip


def _created(family: Family, part: Any, labels: str) -> None:
    """The start of a series, as OpenMetrics tells it."""
    if part.HasField("created_timestamp"):
        value = _seconds(part.created_timestamp)
        family.samples.append(Sample(f"{family.name}_created", labels, value, None, None))


def _exemplar(message: Any) -> Exemplar:
    labels = _raw((pair.name, pair.value) for pair in message.label)
    seconds = _seconds(message.timestamp)
    usable = 0 < seconds < 1e10
    return Exemplar(labels, message.value, int(seconds * 1e9) if usable else None)


def _seconds(stamp: Any) -> float:
    found = stamp.seconds + stamp.nanos / 1e9
    return found if math.isfinite(found) and 0 < found < 1e10 else 0.0


def _raw(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels as text writes them: what is remembered of one format serves the other."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)


def _joined(labels: str, last: str) -> str:
    return f"{labels},{last}" if labels else last
