"""Fewer points that look the same.

M4 (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time Series Data
Aggregation", PVLDB 7(10), 2014): of each stretch the first, the last, the lowest and the highest
point are kept, so no peak is lost however narrow. Beyond it, an unknown value between two points
that stay leaves one unknown value between them: no line is drawn across a gap.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

X = TypeVar("X")
_FEWEST: Final = 16


def decimate(
    xs: Sequence[X], ys: Sequence[float | None], most: int
) -> tuple[list[X], list[float | None]]:
    """At most `most` points (16 at least) in their order; None is an unknown value.

    The ends, the extremes and every gap between points that stay survive.
    """
    if len(xs) <= max(most, _FEWEST):
        return list(xs), list(ys)
    values = np.array([np.nan if y is None else y for y in ys], dtype=np.float64)
    kept = _kept(values, max(most, _FEWEST))
    return [xs[i] for i in kept], [ys[i] for i in kept]


def _kept(values: NDArray[np.float64], most: int) -> list[int]:
    known = ~np.isnan(values)
    # Where there are gaps each point may bring one along; the two ends always stay.
    per_stretch = 4 if known.all() else 8
    stretches = max(1, (most - 2) // per_stretch)
    width = -(-len(values) // stretches)
    keep = _m4(values, known, width)
    keep |= {0, len(values) - 1}
    order = np.array(sorted(keep))
    gaps = np.concatenate([[0], np.cumsum(~known)])
    between = [
        a + 1 + int(np.argmin(known[a + 1 : b]))
        for a, b in pairwise(order.tolist())
        if known[a] and known[b] and gaps[b] > gaps[a + 1]
    ]
    return sorted({*order.tolist(), *between})


def _m4(values: NDArray[np.float64], known: NDArray[np.bool_], width: int) -> set[int]:
    padding = -len(values) % width
    rows = np.pad(values, (0, padding), constant_values=np.nan).reshape(-1, width)
    there = np.pad(known, (0, padding), constant_values=False).reshape(-1, width)
    some = there.any(axis=1)
    rows, there = rows[some], there[some]
    base = np.flatnonzero(some) * width
    places = (
        np.argmax(there, axis=1),
        width - 1 - np.argmax(there[:, ::-1], axis=1),
        np.argmin(np.where(there, rows, np.inf), axis=1),
        np.argmax(np.where(there, rows, -np.inf), axis=1),
    )
    return {int(i) for place in places for i in base + place}
