"""A schedule as plain values: its resolved line, and the proof that it holds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

from apps.alerts.oncall.intervals import (
    Interval,
    Shift,
    gaps,
    intersect,
    joined,
    over,
    overlaps,
    without,
)
from apps.alerts.oncall.rotation import Holidays, Rotation
from apps.alerts.oncall.walltime import instant

# More than a year, so that every change of every clock in it is met.
PROOF: Final = timedelta(days=400)
OVERRIDE: Final = "override"
SWAP: Final = "swap"


@dataclass(frozen=True, slots=True)
class Exchange(Interval):
    """An accepted swap: `taker` has what would be `asker`'s."""

    asker: int
    taker: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides who has the duty. `overrides`: the later in the list covers the earlier."""

    rotations: tuple[Rotation, ...] = ()
    overrides: tuple[Shift, ...] = ()
    swaps: tuple[Exchange, ...] = ()
    holidays: Holidays | None = None

    def layers(self, start: datetime, end: datetime) -> list[tuple[Rotation, list[Shift]]]:
        """Every layer by itself, highest priority first."""
        ranked = sorted(self.rotations, key=lambda one: -one.priority)
        return [(one, one.shifts(start, end, self.holidays)) for one in ranked]

    def resolve(self, start: datetime, end: datetime) -> list[Shift]:
        """Who has the duty in [start, end): sorted, apart, and at most one person at a time."""
        found: list[Shift] = []
        for _rotation, shifts in reversed(self.layers(start, end)):
            found = over(found, shifts)
        for override in self.overrides:
            shift = _clipped(override, start, end)
            if shift is not None:
                found = over(found, [shift])
        for swap in self.swaps:
            theirs = intersect([one for one in found if one.person == swap.asker], [swap])
            found = over(found, [replace(one, person=swap.taker, source=SWAP) for one in theirs])
        return joined(found)


@dataclass(frozen=True, slots=True)
class Double(Interval):
    """Two layers of one priority on duty at once."""

    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What is wrong with the layers of a schedule between two instants."""

    start: datetime
    end: datetime
    gaps: tuple[Interval, ...]
    doubles: tuple[Double, ...]


def prove(plan: Plan, now: datetime) -> Proof:
    """Look at 400 days, from now or from the first handoff if that is later. Overrides and swaps
    are left out: they pass, and the layers must hold without them."""
    firsts = [instant(one.first, one.zone) for one in plan.rotations if one.people]
    start = max(now, min(firsts, default=now))
    end = start + PROOF
    layers = plan.layers(start, end)
    bare = replace(plan, overrides=(), swaps=())
    return Proof(
        start, end, tuple(gaps(bare.resolve(start, end), start, end)), tuple(_doubles(layers))
    )


def _doubles(layers: Sequence[tuple[Rotation, list[Shift]]]) -> list[Double]:
    found: list[Double] = []
    for (one, mine), (other, theirs) in combinations(layers, 2):
        if one.priority != other.priority:
            continue
        higher = [s for r, shifts in layers if r.priority > one.priority for s in shifts]
        for both in overlaps(mine, theirs):
            # Covered by a higher layer, nobody is doubled.
            seen = Shift(both.start, both.end, 0, "")
            found += [
                Double(part.start, part.end, one.name, other.name)
                for part in without([seen], sorted(higher, key=lambda s: s.start))
            ]
    return sorted(found, key=lambda double: double.start)


def _clipped(shift: Shift, start: datetime, end: datetime) -> Shift | None:
    cut = replace(shift, start=max(shift.start, start), end=min(shift.end, end))
    return cut if cut.start < cut.end else None
