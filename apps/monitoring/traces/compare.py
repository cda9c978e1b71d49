"""What differs between two traces: their calls, merged by the way of names that leads to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from apps.monitoring.traces.reading import Trace

Verdict = Literal["added", "removed", "slower", "faster", "same"]
# Below both a difference is noise.
_LEAST_US: Final = 1000
_LEAST_SHARE: Final = 0.1
_TOP: Final = ("", "")


@dataclass(slots=True)
class Side:
    """What one trace did at one place. `total_us` is the place's own and what it called."""

    calls: int = 0
    failed: int = 0
    total_us: int = 0
    self_us: int = 0
    critical_us: int = 0


@dataclass(slots=True)
class Place:
    """Calls of one name by one way of names, in both traces."""

    service: str
    name: str
    depth: int
    a: Side = field(default_factory=Side)
    b: Side = field(default_factory=Side)
    children: "dict[tuple[str, str], Place]" = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """What became of it from `a` to `b`; times count from a tenth and a millisecond on."""
        if not self.a.calls:
            return "added"
        if not self.b.calls:
            return "removed"
        change_us = self.total_change_us
        if abs(change_us) < max(_LEAST_US, _LEAST_SHARE * self.a.total_us):
            return "same"
        return "slower" if change_us > 0 else "faster"

    @property
    def total_change_us(self) -> int:
        """How much longer `b` took here, all that was called included."""
        return self.b.total_us - self.a.total_us

    @property
    def self_change_us(self) -> int:
        """How much longer `b` took at this very place: what explains, adds up over all places."""
        return self.b.self_us - self.a.self_us


@dataclass(frozen=True, slots=True)
class Comparison:
    """Places depth first, those that were first in `a` first."""

    a: Trace
    b: Trace
    places: list[Place]

    @property
    def change_us(self) -> int:
        """How much longer `b` took as a whole."""
        return self.b.duration_us - self.a.duration_us

    def biggest(self, most: int = 10) -> list[Place]:
        """The places that explain the difference best, by the change of their own time."""
        changed = [place for place in self.places if abs(place.self_change_us) >= _LEAST_US]
        return sorted(changed, key=lambda place: -abs(place.self_change_us))[:most]


def compare(a: Trace, b: Trace) -> Comparison:
    """Every place of both traces. O(spans)."""
    top = Place(*_TOP, depth=-1)
    _add(top, a, "a")
    _add(top, b, "b")
    return Comparison(a, b, list(_depth_first(top)))


def _add(top: Place, trace: Trace, side: Literal["a", "b"]) -> None:
    path = [top]
    seen: list[tuple[Place, Place]] = []
    for i, span in enumerate(trace.tree.spans):
        del path[trace.tree.depths[i] + 1 :]
        above = path[-1]
        key = (span.service, span.name)
        place = above.children.get(key)
        if place is None:
            place = above.children[key] = Place(*key, depth=above.depth + 1)
            seen.append((above, place))
        elif getattr(place, side).calls == 0:
            seen.append((above, place))
        found: Side = getattr(place, side)
        found.calls += 1
        found.failed += span.failed
        found.self_us += trace.self_us[i]
        found.total_us += trace.self_us[i]
        found.critical_us += trace.critical_us[i]
        path.append(place)
    # Places were first met before what they called: backwards, everything below is complete.
    for above, place in reversed(seen):
        getattr(above, side).total_us += getattr(place, side).total_us


def _depth_first(top: Place) -> Iterable[Place]:
    stack = list(reversed(top.children.values()))
    while stack:
        place = stack.pop()
        yield place
        stack += reversed(place.children.values())
