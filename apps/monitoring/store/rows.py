"""What the store keeps, as plain rows: the one shape every producer hands to the intake.

OTLP decoding, the portal's own recorder and the collectors all end here. Times are Unix nanoseconds
(OTLP's unit); attribute values are JSON types; ids are raw bytes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from apps.monitoring.store import clean

Attributes = Mapping[str, Any]
_SORTED: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


class Packed(Mapping[str, Any]):
    """Attributes that are JSON already, as jsonb takes it; read as a mapping only when asked."""

    __slots__ = ("_plain", "json")
    _plain: dict[str, Any]

    def __init__(self, json: bytes) -> None:
        self.json = json

    def plain(self) -> dict[str, Any]:
        """A repeated key has its last value, as in jsonb."""
        try:
            return self._plain
        except AttributeError:
            self._plain = orjson.loads(self.json)
            return self._plain

    def __getitem__(self, key: str) -> Any:
        return self.plain()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __repr__(self) -> str:
        return repr(self.plain())


def digest(*parts: object) -> UUID:
    """A stable identity for JSON-like parts, equal in every process."""
    try:
        packed = orjson.dumps(parts, option=_SORTED)
    except TypeError:
        # Lone surrogates, bytes, integers beyond 64 bits: identified as they will be stored.
        packed = orjson.dumps(clean.plain(parts), option=_SORTED)
    return UUID(bytes=hashlib.blake2b(packed, digest_size=16).digest())


class Kind(IntEnum):
    """The kind of a metric."""

    GAUGE = 1
    SUM = 2
    HISTOGRAM = 3


class Temporality(IntEnum):
    """OpenTelemetry's aggregation temporality; gauges have none."""

    NONE = 0
    DELTA = 1
    CUMULATIVE = 2


@dataclass(frozen=True, eq=False)
class Resource:
    """Who sent it: the attributes of one OpenTelemetry resource."""

    attrs: Attributes

    @cached_property
    def service(self) -> str:
        return str(self.attrs.get("service.name") or "unknown_service")

    @cached_property
    def hash(self) -> UUID:
        return digest("resource", dict(self.attrs))


@dataclass(frozen=True)
class Metric:
    """One metric name with its unit and kind."""

    name: str
    unit: str
    kind: Kind
    temporality: Temporality = Temporality.NONE
    monotonic: bool = False
    description: str = field(default="", compare=False)


@dataclass(frozen=True, eq=False)
class Series:
    """One metric of one resource with one set of attributes. Build once, reuse for every point."""

    metric: Metric
    resource: Resource
    attrs: Attributes

    @cached_property
    def hash(self) -> UUID:
        m = self.metric
        identity = (m.name, m.unit, m.kind, m.temporality, m.monotonic)
        return digest("series", identity, str(self.resource.hash), dict(self.attrs))


class Span(NamedTuple):
    """One span. `kind` and `status` are OTLP's enum numbers."""

    resource: Resource
    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    attrs: Attributes
    events: list[dict[str, Any]] | None = None
    links: list[dict[str, Any]] | None = None


class LogRecord(NamedTuple):
    """One log record. `severity` is OTLP's 1 to 24, 0 when unknown."""

    resource: Resource
    time_ns: int
    observed_ns: int
    severity: int
    body: str
    attrs: Attributes
    trace_id: bytes | None = None
    span_id: bytes | None = None


class Sample(NamedTuple):
    """One number of a gauge or sum series. `start_ns` marks the reset of a cumulative sum.

    An exemplar is {time_ns, value, trace_id (hex), span_id (hex), attrs}, here as in histograms.
    """

    series: Series
    time_ns: int
    value: float
    start_ns: int = 0
    exemplars: list[dict[str, Any]] | None = None


class Histogram(NamedTuple):
    """One histogram point.

    Base-2 exponential when `scale` is set: bucket k = offset + i covers
    (2^(k/2^scale), 2^((k+1)/2^scale)].
    Explicit when `bounds` is set: `positive` then holds len(bounds) + 1 counts.
    """

    series: Series
    start_ns: int
    time_ns: int
    count: int  # type: ignore[assignment] # OTLP's word; nobody counts a row's fields
    sum: float | None
    min: float | None
    max: float | None
    scale: int | None
    zero: int
    offset: int
    positive: list[int]
    negative_offset: int = 0
    negative: list[int] = []
    bounds: tuple[float, ...] | None = None
    exemplars: list[dict[str, Any]] | None = None


@dataclass
class Batch:
    """What one request (or one recorder flush) wants kept, committed or refused together."""

    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    histograms: list[Histogram] = field(default_factory=list)
    # Identity of the request body: a retry with the same bytes is stored once. None: never retried.
    key: UUID | None = None
    size_bytes: int = 0
    # Another Pharos sent it on: it is not sent on again, or two would play ball for ever.
    forwarded: bool = False

    def __len__(self) -> int:
        return len(self.spans) + len(self.logs) + len(self.samples) + len(self.histograms)


@dataclass
class Outcome:
    """What became of a batch after COMMIT."""

    accepted: int
    rejected: int = 0
    message: str = ""
    duplicate: bool = False
    # Why rows were refused, and how many of them.
    reasons: dict[str, int] = field(default_factory=dict)
    # Points that went into the overflow series of their metric.
    overflow: int = 0
