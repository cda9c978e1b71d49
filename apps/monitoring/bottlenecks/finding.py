"""What a detector is, and what it finds. Each detector registers itself under its kind."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from uuid import UUID

from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.bottlenecks.trace import Trace


@dataclass(frozen=True, slots=True)
class Finding:
    """One bottleneck in one request.

    `subject` is what it is about without values (a statement, an address); with kind and route it
    is its identity. `lost_us` is what the request would not have waited for without it; `steps`
    are the spans that show it. `facts` are JSON-ready figures for the explanation.
    """

    kind: BottleneckKind
    entry: int
    subject: str
    lost_us: int
    steps: tuple[int, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Detector(ABC):
    """Looks at one request of one trace. Thresholds are fields, so that a test may set them."""

    kind: ClassVar[BottleneckKind]

    def __init_subclass__(cls, *, kind: BottleneckKind, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = kind
        DETECTORS[kind] = cls

    @abstractmethod
    def find(self, trace: Trace, entry: int) -> Iterable[Finding]:
        """What is wrong with the request that begins at step `entry`."""

    def finding(
        self, trace: Trace, entry: int, subject: str, steps: Sequence[int], lost_us: int,
        **facts: Any,
    ) -> Finding:  # fmt: skip
        """A finding of this detector's kind; it cannot cost more than its request took."""
        most_us = trace.steps[entry].took
        return Finding(
            self.kind, entry, subject[:2048], max(0, min(lost_us, most_us)), tuple(steps), facts
        )


class Comparison(ABC):
    """Looks at the traces of one window together: what shows only between requests."""

    kind: ClassVar[BottleneckKind]

    def __init_subclass__(cls, *, kind: BottleneckKind, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = kind
        COMPARISONS[kind] = cls

    @abstractmethod
    def find(self, traces: Sequence[Trace]) -> Iterable[tuple[Trace, Finding]]:
        """What is wrong, each time with the trace that shows it."""


DETECTORS: Final[dict[BottleneckKind, type[Detector]]] = {}
COMPARISONS: Final[dict[BottleneckKind, type[Comparison]]] = {}


def fingerprint(kind: str, service: str, route: str, subject: str) -> str:
    """The identity of a bottleneck: equal in every process and version, 32 hexadecimal digits."""
    packed = f"{kind}\0{service}\0{route}\0{subject}".encode("utf-8", "replace")
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


def examine(traces: Sequence[Trace]) -> Iterator[tuple[Trace, Finding]]:
    """Everything that is wrong with these traces of one window."""
    between = [pair for made in COMPARISONS.values() for pair in made().find(traces)]
    yield from between
    known: dict[UUID, list[Finding]] = {}
    for trace, one in between:
        known.setdefault(trace.trace_id, []).append(one)
    single = [detector() for detector in DETECTORS.values()]
    for trace in traces:
        for entry in trace.by_entry:
            found = [one for detector in single for one in detector.find(trace, entry)]
            others = [*found, *known.get(trace.trace_id, ())]
            yield from ((trace, one) for one in found if not _explained(one, others))


def _explained(one: Finding, others: Sequence[Finding]) -> bool:
    """Whether a more exact finding says of the same spans why: one cause is told once."""
    stronger = _EXPLAINED_BY.get(one.kind, ())
    mine = set(one.steps)
    return any(other.kind in stronger and mine & set(other.steps) for other in others)


_K = BottleneckKind
# A repeat inside a repeated pattern is that pattern.
_EXPLAINED_BY: Final[dict[BottleneckKind, tuple[BottleneckKind, ...]]] = {
    _K.N_PLUS_1_DB: (_K.MN_PLUS_1_DB,),
    _K.CONSECUTIVE_DB: (_K.N_PLUS_1_DB, _K.MN_PLUS_1_DB),
    _K.SLOW_DB: (_K.LOCK_WAIT, _K.STAMPEDE),
    _K.CACHEABLE: (_K.STAMPEDE,),
    _K.CONSECUTIVE_HTTP: (_K.N_PLUS_1_API,),
    _K.SLOW_DOWNSTREAM: (_K.N_PLUS_1_API, _K.CONSECUTIVE_HTTP),
}
