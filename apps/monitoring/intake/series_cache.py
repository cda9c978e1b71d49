"""Encoded attributes of a data point → its Series, remembered across requests.

A series costs a decode, a digest and an object; a data point of a known series costs one dictionary
lookup. Series that went quiet are forgotten within two turns of `SERIES_FORGOTTEN_AFTER_S`.
"""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

import orjson

from apps.monitoring.intake import limits
from apps.monitoring.intake.decoding import Decoding
from apps.monitoring.intake.values import clean
from apps.monitoring.store.rows import Kind, Metric, Resource, Series, Temporality

AttributesKey = tuple[bytes, ...]
# The resource, by identity, and the name of the scope.
Owner = tuple[Resource, str]
# What one unit of memory is: attributes beyond it count again.
_UNIT_BYTES: Final = 512
# One request is reported in portions, so that a huge one is forgotten while it is read.
_PORTION: Final = 5_000
_EXPLODING: Final = (
    f"more than {limits.UNREMEMBERED_A_REQUEST} series over the limit in one request"
)
_TOO_MANY: Final = f"more than {limits.METRICS_PER_RESOURCE} metrics of one resource"


@dataclass
class Stream:
    """One metric of one resource and scope, with its series."""

    resource: Resource
    metric: Metric
    scope_name: str
    series: dict[AttributesKey, Series] = field(default_factory=dict)
    # The series of the turn before, moved over when they are seen again.
    fading: dict[AttributesKey, Series] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return len(self.series) >= limits.SERIES_PER_METRIC


class SeriesCache:
    """Two generations of streams. Thread-safe: turning is locked, reading needs no lock."""

    def __init__(self) -> None:
        self._young: dict[Hashable, Stream] = {}
        self._old: dict[Hashable, Stream] = {}
        self._lock = threading.Lock()
        self._metrics: Counter[Resource] = Counter()
        self._made = 0
        self._turn_at = time.monotonic() + limits.SERIES_FORGOTTEN_AFTER_S

    def has_room(self, resource: Resource) -> bool:
        """Whether the resource may bring another metric before the next turn."""
        return self._metrics[resource] < limits.METRICS_PER_RESOURCE

    def find(self, key: Hashable) -> Stream | None:
        """The stream with this identity, if it was seen since the last turn."""
        return self._young.get(key)

    def add(self, key: Hashable, stream: Stream) -> Stream:
        """Keep a new stream; series of the turn before are taken over as they appear."""
        with self._lock:
            before = self._old.pop(key, None)
            if before is not None:
                stream.fading = before.series
            self._metrics[stream.resource] += 1
            return self._young.setdefault(key, stream)

    def made(self, count: int) -> None:
        """Note the weight of new streams and series; too much of it or time starts a new turn."""
        with self._lock:
            self._made += count
            if self._made < limits.SERIES_REMEMBERED and time.monotonic() < self._turn_at:
                return
            self._old, self._young = self._young, {}
            self._metrics.clear()
            self._made = 0
            self._turn_at = time.monotonic() + limits.SERIES_FORGOTTEN_AFTER_S


_cache = SeriesCache()


class SeriesLookup:
    """The shared cache as one request sees it; new series are reported to the cache at the end."""

    def __init__(self, decoding: Decoding) -> None:
        self.decoding = decoding
        self.refuse = decoding.refuse
        self._new = 0
        self._unremembered = 0

    def __enter__(self) -> "SeriesLookup":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        _cache.made(self._new)

    def stream(
        self,
        owner: Owner,
        metric: Any,
        kind: Kind,
        temporality: int = 0,
        *,
        monotonic: bool = False,
        suffix: str = "",
    ) -> Stream | None:
        """The stream of one metric message; `suffix` names a part of it.

        None when its resource has brought too many metrics.
        """
        name, unit = metric.name + suffix, metric.unit[: limits.METRIC_NAME_BYTES]
        key = (owner, name, unit, kind, temporality, monotonic)
        found = _cache.find(key)
        if found is not None:
            return found
        if not _cache.has_room(owner[0]):
            return None
        self._note(len(orjson.dumps(owner[0].attrs)))
        description = clean(metric.description)[: limits.NAME_BYTES]
        made = Metric(
            clean(name), clean(unit), kind, Temporality(temporality), monotonic, description
        )
        return _cache.add(key, Stream(owner[0], made, owner[1]))

    def new(self, stream: Stream, key: AttributesKey) -> Series | None:
        """A series not met this turn. Of a metric that is full it is not remembered.

        Which sets of attributes go into the overflow series is for the store to say: it knows
        those of all processes, and since when. None, and one point refused, where one request
        brings more of them than memory should hold.
        """
        short = _short(key)
        if short is not key and (known := stream.series.get(short)):
            return known
        found = stream.fading.pop(short, None)
        if stream.is_full:
            self._unremembered += 1
        if self._unremembered > limits.UNREMEMBERED_A_REQUEST:
            self.refuse(_EXPLODING, 1, stream.metric.name)
            return None
        if found is None:
            attrs = self.decoding.key_values.attributes(key)
            if stream.scope_name:
                attrs["otel.scope.name"] = stream.scope_name
            found = Series(stream.metric, stream.resource, attrs)
        if stream.is_full:
            return found
        stream.series[short] = found
        self._note(sum(map(len, key)))
        return found

    def too_many(self, points: int) -> None:
        """Refuse the points of a metric that has no stream."""
        self.refuse(_TOO_MANY, points)

    def _note(self, size_bytes: int) -> None:
        self._new += 1 + size_bytes // _UNIT_BYTES
        if self._new >= _PORTION:
            _cache.made(self._new)
            self._new = 0


def _short(key: AttributesKey) -> AttributesKey:
    """The key itself, or a digest where remembering it whole would cost too much memory."""
    if sum(map(len, key)) <= limits.REMEMBERED_BYTES:
        return key
    return (hashlib.blake2b(b"\0".join(key), digest_size=16).digest(),)
