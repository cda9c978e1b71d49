"""Half-open stretches of time in UTC, sorted and apart: cut, laid over each other. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Interval:
    """[start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Shift(Interval):
    """A stretch in which one person has the duty. `source` says by what: a layer, an override."""

    person: int
    source: str


def intersect(shifts: Iterable[Shift], windows: Sequence[Interval]) -> list[Shift]:
    """What of the shifts lies in the windows; both sorted."""
    found: list[Shift] = []
    first = 0
    for shift in shifts:
        while first < len(windows) and windows[first].end <= shift.start:
            first += 1
        for window in _from(windows, first):
            if window.start >= shift.end:
                break
            start, end = max(shift.start, window.start), min(shift.end, window.end)
            found.append(replace(shift, start=start, end=end))
    return found


def without(shifts: Iterable[Shift], holes: Sequence[Interval]) -> list[Shift]:
    """What of the shifts lies outside the holes; both sorted."""
    found: list[Shift] = []
    first = 0
    for shift in shifts:
        while first < len(holes) and holes[first].end <= shift.start:
            first += 1
        start = shift.start
        for hole in _from(holes, first):
            if hole.start >= shift.end:
                break
            if hole.start > start:
                found.append(replace(shift, start=start, end=hole.start))
            start = max(start, hole.end)
        if start < shift.end:
            found.append(replace(shift, start=start))
    return found


def over(lower: Sequence[Shift], upper: Sequence[Shift]) -> list[Shift]:
    """Both, with the upper covering the lower."""
    return sorted([*without(lower, upper), *upper], key=lambda one: one.start)


def gaps(shifts: Sequence[Interval], start: datetime, end: datetime) -> list[Interval]:
    """What of [start, end) no shift covers; the shifts are sorted."""
    found: list[Interval] = []
    covered = start
    for shift in shifts:
        if shift.start > covered:
            found.append(Interval(covered, min(shift.start, end)))
        covered = max(covered, shift.end)
        if covered >= end:
            return found
    if covered < end:
        found.append(Interval(covered, end))
    return found


def overlaps(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """Where both cover; each is sorted and apart."""
    found: list[Interval] = []
    left = right = 0
    while left < len(one) and right < len(other):
        start = max(one[left].start, other[right].start)
        end = min(one[left].end, other[right].end)
        if start < end:
            found.append(Interval(start, end))
        if one[left].end <= other[right].end:
            left += 1
        else:
            right += 1
    return found


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted and apart, whatever came in."""
    found: list[Interval] = []
    for one in sorted(intervals, key=lambda interval: interval.start):
        if found and one.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(Interval(one.start, one.end))
    return found


def joined(shifts: Iterable[Shift]) -> list[Shift]:
    """Neighbours of one person and source become one shift."""
    found: list[Shift] = []
    for shift in shifts:
        last = found[-1] if found else None
        if last and (last.end, last.person, last.source) == (
            shift.start, shift.person, shift.source,
        ):  # fmt: skip
            found[-1] = replace(last, end=shift.end)
        else:
            found.append(shift)
    return found


def _from(windows: Sequence[Interval], first: int) -> Iterator[Interval]:
    for index in range(first, len(windows)):
        yield windows[index]
