"""A small line without axes, as an SVG path: the figure of each window and the goal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 120
HEIGHT: Final = 28


@dataclass(frozen=True, slots=True)
class Sparkline:
    """`path` in a box of 120 by 28; `goal` is the height of the goal's line."""

    path: str
    goal: float


def sparkline(values: Sequence[float | None], goal: float) -> Sparkline:
    """The line of these values from left to right, broken where one is unknown."""
    known = [value for value in values if value is not None]
    low, high = min(0.0, goal, *known), max(goal, *known)
    span = (high - low) or 1.0
    step = WIDTH / max(len(values) - 1, 1)

    def height(value: float) -> float:
        return round(HEIGHT - 1 - (value - low) / span * (HEIGHT - 2), 1)

    parts, down = [], False
    for place, value in enumerate(values):
        if value is None:
            down = False
            continue
        x, y = round(place * step, 1), height(value)
        # A lone point is a dot: a line of no length with round ends would not show.
        parts.append(f"L{x} {y}" if down else f"M{x} {y}h.1")
        down = True
    return Sparkline("".join(parts), height(goal))
