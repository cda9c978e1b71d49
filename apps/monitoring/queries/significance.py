"""Whether two stretches of time differ by more than chance, judged on their histograms.

Durations: the rank-sum test of Mann and Whitney (Annals of Mathematical Statistics 18, 1947) on
bucket counts, with the variance corrected for ties, says whether one is slower as a whole; the
distribution-free interval of a quantile from order statistics (Conover, Practical Nonparametric
Statistics, 3rd ed., 3.2) says whether its p95 moved. Both must agree, and the change must be large
enough to matter: with a million requests everything is significant.
Shares: the pooled two-proportion z-test.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from apps.monitoring.store import histograms
from apps.monitoring.store.histograms import State

Verdict = Literal["slower", "faster", "same", "too few"]
Shift = Literal["more", "fewer", "same", "too few"]
# Below this a p95 has no upper end of its interval.
LEAST: Final = 100
# Requests near each other resemble each other, so chance is wider than the formula: 0.1 %.
_Z: Final = 3.29
_LEAST_RATIO: Final = 1.1
_LEAST_S: Final = 0.005
_LEAST_SHARE: Final = 0.01
_Q: Final = 0.95
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Compared:
    """What two histograms say of each other. Seconds; None where there are too few."""

    verdict: Verdict
    before_s: float | None
    after_s: float | None
    # How likely a request of the second is slower than one of the first: 0.5 is no difference.
    likelihood: float | None = None

    @property
    def change(self) -> float | None:
        """p95 of the second over the first, less one."""
        if not self.before_s or self.after_s is None:
            return None
        return self.after_s / self.before_s - 1


def durations(before: State, after: State) -> Compared:
    """The second against the first, by p95 and as a whole."""
    old, new = histograms.quantile(before, _Q), histograms.quantile(after, _Q)
    if min(before.count, after.count) < LEAST:
        return Compared("too few", old, new)
    likelihood, z = rank_sum(before, after)
    low, high = interval(before, _Q), interval(after, _Q)
    verdict: Verdict = "same"
    if z > _Z and high[0] > low[1] and _matters(low=old, high=new):
        verdict = "slower"
    elif z < -_Z and high[1] < low[0] and _matters(low=new, high=old):
        verdict = "faster"
    return Compared(verdict, old, new, likelihood)


def _matters(*, low: float | None, high: float | None) -> bool:
    return (
        low is not None
        and high is not None
        and high >= low * _LEAST_RATIO
        and high - low >= _LEAST_S
    )


def rank_sum(before: State, after: State) -> tuple[float, float]:
    """(P(after > before) + half of ties, z). Values of one bucket are ties."""
    a, b = _tallied(before, after)
    n, m = int(a.sum()), int(b.sum())
    below = np.cumsum(a) - a
    u = float((b * (below + a / 2)).sum())
    ties = (a + b).astype(float)
    total = n + m
    tied = float((ties**3 - ties).sum()) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - tied)
    z = (u - n * m / 2) / math.sqrt(variance) if variance > 0 else 0.0
    return u / (n * m), z


def _tallied(before: State, after: State) -> tuple[Floats, Floats]:
    """Counts of both over the same values, ascending."""
    one, two = histograms.aligned(before, after)
    if one.bounds is not None:
        return one.positive.counts.astype(float), two.positive.counts.astype(float)
    values, counts = zip(histograms.middles(one), histograms.middles(two), strict=True)
    union, places = np.unique(np.concatenate(values), return_inverse=True)
    cut = len(values[0])
    tallies = np.zeros((2, len(union)))
    np.add.at(tallies[0], places[:cut], counts[0])
    np.add.at(tallies[1], places[cut:], counts[1])
    return tallies[0], tallies[1]


def interval(state: State, q: float) -> tuple[float, float]:
    """Where the q-quantile lies but for 0.1 %: from order statistics, without any assumption."""
    n = state.count
    spread = _Z * math.sqrt(n * q * (1 - q))
    low, high = (n * q - spread) / n, (n * q + spread + 1) / n
    lowest = histograms.quantile(state, low) if low > 0 else 0.0
    highest = histograms.quantile(state, high) if high <= 1 else math.inf
    return (
        0.0 if lowest is None else lowest,
        math.inf if highest is None else highest,
    )


def shares(before: tuple[int, int], after: tuple[int, int]) -> Shift:
    """Whether a share rose or fell. Each is (how many of, all)."""
    (x, n), (y, m) = before, after
    if min(n, m) < LEAST:
        return "too few"
    pooled = (x + y) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    change = y / m - x / n
    if not error or abs(change) < _LEAST_SHARE or abs(change) / error <= _Z:
        return "same"
    return "more" if change > 0 else "fewer"


def rates(before: tuple[int, float], after: tuple[int, float]) -> Shift:
    """Whether more or fewer come: each is (how many, seconds). Half or double at least.

    Counts are judged by the conditional binomial of two Poisson rates (Przyborowski and Wilenski,
    Biometrika 31, 1940) in its normal form.
    """
    (x, over), (y, time) = before, after
    if x + y < LEAST:
        return "too few"
    expected = time / (over + time)
    z = (y - (x + y) * expected) / math.sqrt((x + y) * expected * (1 - expected))
    ratio = (y / time) / (x / over) if x else math.inf
    if abs(z) <= _Z or 0.5 < ratio < 2:
        return "same"
    return "more" if ratio >= 2 else "fewer"
