"""Mergeable histograms: base-2 exponential (scale 5 at most) and explicit bounds.

Bucket k of scale s covers (2^(k/2^s), 2^((k+1)/2^s)], as in OpenTelemetry. At scale 5 a quantile is
off by at most 1.083 %. Merging adds counts and loses nothing; percentiles are never averaged.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from apps.monitoring.store.errors import RowError
from apps.monitoring.store.rows import Histogram

SCALE: Final = 5
_LOWEST_SCALE: Final = -10
_HIGHEST_SCALE: Final = 20
MOST_BUCKETS: Final = 4096
_INT8: Final = 2**63

Counts = np.ndarray[Any, np.dtype[np.int64]]


def _no_counts() -> Counts:
    return np.zeros(0, np.int64)


@dataclass(eq=False)
class Buckets:
    """Counts of the exponential buckets offset, offset + 1, …"""

    offset: int = 0
    counts: Counts = field(default_factory=_no_counts)

    def downscale(self, steps: int) -> "Buckets":
        """The same counts at a scale lower by `steps`: neighbours fold in groups of 2^steps."""
        if steps <= 0 or not len(self.counts):
            return self
        index = (np.arange(len(self.counts)) + self.offset) >> min(steps, 62)
        low = int(index[0])
        folded = np.zeros(int(index[-1]) - low + 1, np.int64)
        np.add.at(folded, index - low, self.counts)
        return Buckets(low, folded)

    def trimmed(self) -> "Buckets":
        """Without empty buckets at either end."""
        used = np.flatnonzero(self.counts)
        if not len(used):
            return Buckets()
        return Buckets(self.offset + int(used[0]), self.counts[used[0] : used[-1] + 1])

    def plus(self, other: "Buckets", sign: int = 1) -> "Buckets":
        """Both added (or `other` taken away with sign -1); scales must agree."""
        if not len(other.counts):
            return self
        if not len(self.counts):
            return Buckets(other.offset, sign * other.counts)
        low = min(self.offset, other.offset)
        high = max(self.offset + len(self.counts), other.offset + len(other.counts))
        total = np.zeros(high - low, np.int64)
        total[self.offset - low : self.offset - low + len(self.counts)] += self.counts
        total[other.offset - low : other.offset - low + len(other.counts)] += sign * other.counts
        return Buckets(low, total)


@dataclass(eq=False)
class State:
    """One histogram. Exponential when `scale` is set, explicit when `bounds` is.

    Explicit histograms keep len(bounds) + 1 counts in `positive`.
    """

    count: int = 0
    sum: float | None = 0.0
    min: float | None = None
    max: float | None = None
    scale: int | None = SCALE
    zero: int = 0
    positive: Buckets = field(default_factory=Buckets)
    negative: Buckets = field(default_factory=Buckets)
    bounds: tuple[float, ...] | None = None

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.sum is not None and self.count else None


@cache
def _steps(scale: int) -> "np.ndarray[Any, Any]":
    """The bucket borders inside one octave: 2^(j / 2^scale) for j = 0 … 2^scale - 1."""
    return np.array([2.0 ** (j / 2**scale) for j in range(2**scale)])


def indexes(values: "np.ndarray[Any, Any]", scale: int = SCALE) -> Counts:
    """The bucket of each positive finite value, exact on the borders. `scale` is 0 to 10."""
    mantissa, exponent = np.frexp(values)
    inside = np.searchsorted(_steps(scale), mantissa * 2.0, side="left") - 1
    found: Counts = (exponent.astype(np.int64) - 1) * (1 << scale) + inside
    return found


def index_of(value: float, scale: int = SCALE) -> int:
    """The bucket of one positive finite value."""
    return int(indexes(np.array([value]), scale)[0])


def from_values(values: Iterable[float]) -> State:
    """A scale-5 histogram of finite numbers."""
    data = np.fromiter(values, np.float64)
    if not len(data):
        return State()
    return State(
        count=len(data),
        sum=float(data.sum()),
        min=float(data.min()),
        max=float(data.max()),
        zero=int((data == 0).sum()),
        positive=_tally(data[data > 0]),
        negative=_tally(-data[data < 0]),
    )


def _tally(values: "np.ndarray[Any, Any]") -> Buckets:
    if not len(values):
        return Buckets()
    found = indexes(values)
    low = int(found.min())
    return Buckets(low, np.bincount(found - low).astype(np.int64))


def from_point(point: Histogram) -> State:
    """What a sender's point holds, at scale 5 or lower. Raises RowError when it makes no sense."""
    if not 0 <= point.count < _INT8 or not 0 <= point.zero < _INT8:
        raise RowError("A histogram count is outside what the store takes.")
    if len(point.positive) > MOST_BUCKETS or len(point.negative) > MOST_BUCKETS:
        raise RowError(f"A histogram has more than {MOST_BUCKETS} buckets.")
    positive, negative = _counts(point.positive), _counts(point.negative)
    total, low, high = (_finite(v) for v in (point.sum, point.min, point.max))
    if point.scale is None:
        bounds = _bounds(point.bounds or (), len(positive))
        if not len(positive):
            positive = np.array([point.count], np.int64)
        return State(point.count, total, low, high, None, 0, Buckets(0, positive),
                     Buckets(), bounds)  # fmt: skip
    if not _LOWEST_SCALE <= point.scale <= _HIGHEST_SCALE:
        raise RowError("The scale of an exponential histogram must be -10 to 20.")
    if max(abs(point.offset), abs(point.negative_offset)) >= 2**31 - MOST_BUCKETS:
        raise RowError("The offset of an exponential histogram is outside its range.")
    steps = max(0, point.scale - SCALE)
    return State(
        point.count, total, low, high, point.scale - steps, point.zero,
        Buckets(point.offset, positive).trimmed().downscale(steps),
        Buckets(point.negative_offset, negative).trimmed().downscale(steps),
    )  # fmt: skip


def _counts(values: Sequence[int]) -> Counts:
    try:
        counts = np.asarray(values, np.int64)
    except OverflowError:
        raise RowError("A histogram count is outside what the store takes.") from None
    if len(counts) and (counts.min() < 0 or counts.max() > 2**53):
        raise RowError("A histogram count is outside what the store takes.")
    return counts


def _bounds(bounds: Sequence[float], buckets: int) -> tuple[float, ...]:
    kept = tuple(float(b) for b in bounds)
    if buckets not in (0, len(kept) + 1):
        raise RowError("An explicit histogram needs one bucket more than it has bounds.")
    if not buckets:
        return ()
    if not all(map(math.isfinite, kept)) or any(a >= b for a, b in pairwise(kept)):
        raise RowError("Histogram bounds must be finite and ascending.")
    return kept


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def merge(states: Iterable[State]) -> State:
    """All of them as one; the empty histogram when there are none."""
    used = [state for state in states if state.count]
    if len(used) < 2:
        return used[0] if used else State()
    used = _one_layout(used)
    sums = [s.sum for s in used if s.sum is not None]
    lows = [s.min for s in used if s.min is not None]
    highs = [s.max for s in used if s.max is not None]
    every = len(used)
    return State(
        sum(s.count for s in used),
        # One that does not know its sum or extremes leaves those of the whole unknown.
        math.fsum(sums) if len(sums) == every else None,
        min(lows) if len(lows) == every else None,
        max(highs) if len(highs) == every else None,
        used[0].scale,
        sum(s.zero for s in used),
        _added([s.positive for s in used]),
        _added([s.negative for s in used]),
        used[0].bounds,
    )


def _one_layout(states: list[State]) -> list[State]:
    first = states[0]
    if all(s.scale == first.scale and s.bounds == first.bounds for s in states):
        return states
    total = first
    for state in states:
        total = aligned(total, state)[0]
    return [aligned(state, total)[0] for state in states]


def _added(parts: list[Buckets]) -> Buckets:
    used = [part for part in parts if len(part.counts)]
    if len(used) < 2:
        return used[0] if used else Buckets()
    low = min(part.offset for part in used)
    high = max(part.offset + len(part.counts) for part in used)
    total = np.zeros(high - low, np.int64)
    for part in used:
        total[part.offset - low : part.offset - low + len(part.counts)] += part.counts
    return Buckets(low, total)


def aligned(a: State, b: State) -> tuple[State, State]:
    """Both on one set of borders: the lower scale, or the bounds both have.

    Exact in every case but one: an exponential beside an explicit histogram is put into the
    bounds by the middle of each of its buckets.
    """
    if a.scale is not None and b.scale is not None:
        scale = min(a.scale, b.scale)
        return _at_scale(a, scale), _at_scale(b, scale)
    if a.bounds == b.bounds:
        return a, b
    if a.bounds is None or b.bounds is None:
        bounds = a.bounds or b.bounds or ()
    else:
        bounds = tuple(sorted(set(a.bounds) & set(b.bounds)))
    return _at_bounds(a, bounds), _at_bounds(b, bounds)


def _at_scale(state: State, scale: int) -> State:
    if state.scale == scale or state.scale is None:
        return state
    steps = state.scale - scale
    return State(
        state.count, state.sum, state.min, state.max, scale, state.zero,
        state.positive.downscale(steps), state.negative.downscale(steps),
    )  # fmt: skip


def _at_bounds(state: State, bounds: tuple[float, ...]) -> State:
    if state.bounds == bounds:
        return state
    counts = np.zeros(len(bounds) + 1, np.int64)
    if state.bounds is not None:
        # `bounds` is a subset: every old bucket lies inside exactly one new one.
        tops = np.array([*state.bounds, math.inf])
        np.add.at(counts, np.searchsorted(bounds, tops, side="left"), state.positive.counts)
    else:
        values, weights = middles(state)
        np.add.at(counts, np.searchsorted(bounds, values, side="left"), weights)
    return State(state.count, state.sum, state.min, state.max, None, 0, Buckets(0, counts),
                 Buckets(), bounds)  # fmt: skip


def middles(state: State) -> tuple["np.ndarray[Any, Any]", Counts]:
    """Exponential buckets in ascending order: the value with the least relative error, counts."""
    base = 2.0 ** -(state.scale or 0)

    def side(buckets: Buckets) -> "np.ndarray[Any, Any]":
        with np.errstate(over="ignore", under="ignore"):
            low = np.exp2((np.arange(len(buckets.counts)) + buckets.offset) * base)
            # 2·l·h / (l + h) with h = l·γ, written so that the largest bucket cannot overflow.
            return np.asarray(np.minimum(low * (2 / (1 + 2.0**-base)), np.finfo(float).max))

    values = np.concatenate([-side(state.negative)[::-1], [0.0], side(state.positive)])
    counts = np.concatenate([state.negative.counts[::-1], [state.zero], state.positive.counts])
    return values, counts


def quantile(state: State, q: float) -> float | None:
    """The q-quantile (0 to 1) by nearest rank; None for an empty histogram.

    Exponential: relative error at most 1.083 % at scale 5. Explicit: interpolated in its bucket.
    """
    if not state.count:
        return None
    if state.bounds is not None:
        return _interpolated(state, q)
    values, counts = middles(state)
    running = np.cumsum(counts)
    if not running[-1]:
        return state.mean
    rank = min(max(1, math.ceil(q * int(running[-1]))), int(running[-1]))
    return _clamped(float(values[np.searchsorted(running, rank)]), state)


def _clamped(value: float, state: State) -> float:
    if state.max is not None:
        value = min(value, state.max)
    return value if state.min is None else max(value, state.min)


def _interpolated(state: State, q: float) -> float | None:
    bounds = state.bounds or ()
    counts = state.positive.counts
    running = np.cumsum(counts)
    if not bounds or not len(running) or not running[-1]:
        return state.mean
    rank = q * int(running[-1])
    at = min(int(np.searchsorted(running, rank)), len(bounds))
    if at == len(bounds):
        return state.max if state.max is not None and state.max >= bounds[-1] else bounds[-1]
    top = bounds[at]
    below = bounds[at - 1] if at else _lowest(state, top)
    before = int(running[at - 1]) if at else 0
    share = (rank - before) / int(counts[at]) if counts[at] else 1.0
    return _clamped(below + (top - below) * share, state)


def _lowest(state: State, top: float) -> float:
    if state.min is not None and state.min <= top:
        return state.min
    return 0.0 if top > 0 else top


def increase(now: State, before: State) -> State | None:
    """What a cumulative histogram gained since `before`; None when it was reset in between."""
    now, before = aligned(now, before)
    positive = now.positive.plus(before.positive, -1)
    negative = now.negative.plus(before.negative, -1)
    gained = State(
        now.count - before.count,
        None if now.sum is None or before.sum is None else now.sum - before.sum,
        None, None, now.scale, now.zero - before.zero, positive, negative, now.bounds,
    )  # fmt: skip
    shrunk = (positive.counts.min(initial=0), negative.counts.min(initial=0), gained.zero)
    return None if gained.count < 0 or min(shrunk) < 0 else gained
