"""The past in equal steps, each with what one group did in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
# As the store: a group silent for a day is no longer asked about.
_ALIVE: Final = timedelta(days=1)


@dataclass(frozen=True)
class Grid:
    """`size` steps from `start`; index i is [start + i·step, start + (i + 1)·step)."""

    start: datetime
    step: timedelta
    size: int

    @property
    def end(self) -> datetime:
        """The end of the last step."""
        return self.start + self.size * self.step

    def index(self, at: datetime) -> int:
        """How many whole steps lie between the start and a moment, at most all."""
        return max(0, min(self.size, round((at - self.start) / self.step)))

    def span(self, end: datetime, window_s: float) -> tuple[int, int]:
        """The steps of the window that ends at a moment; at least one."""
        high = self.index(end)
        length = max(1, round(window_s / self.step.total_seconds()))
        return max(0, high - length), high


@dataclass(frozen=True, slots=True)
class Seen:
    """What a group did over a window: its figure, and its newest point; None where nothing."""

    value: float | None
    at: datetime | None


class Track:
    """One group over the grid.

    `cells` are what the store says of each step, `figure(cells, seconds)` what several of them
    amount to. Where figures simply add up, sums over any window cost the same.
    """

    def __init__(
        self,
        labels: dict[str, str],
        grid: Grid,
        cells: Mapping[datetime, Any],
        figure: "Callable[[Sequence[Any], float], float | None]",
        *,
        additive: bool,
        newest: "Callable[[Any], datetime] | None" = None,
    ) -> None:
        self.labels, self.grid = labels, grid
        self._figure, self._newest_of = figure, newest
        self._cells: dict[int, Any] = {}
        for at, cell in cells.items():
            place = (at - grid.start) // grid.step
            if 0 <= place < grid.size:
                self._cells[place] = cell
        self._last = self._last_known()
        self._sums = self._cumulated() if additive else None

    def over(self, low: int, high: int) -> Seen | None:
        """What steps [low, high) say; None when the group had been silent for a day before."""
        last = int(self._last[high - 1]) if high > 0 else -1
        if last < 0 or (high - 1 - last) * self.grid.step > _ALIVE:
            return None
        if last < low:
            return Seen(None, None)
        newest = self._newest_of(self._cells[last]) if self._newest_of else None
        return Seen(self._value(low, high), newest)

    def _value(self, low: int, high: int) -> float | None:
        seconds = (high - low) * self.grid.step.total_seconds()
        if self._sums is not None:
            total = float(self._sums[high] - self._sums[low])
            return self._figure([total], seconds)
        here = [self._cells[i] for i in range(low, high) if i in self._cells]
        return self._figure(here, seconds) if here else None

    def _last_known(self) -> Array:
        places = np.full(self.grid.size, -1, np.int64)
        for place in self._cells:
            places[place] = place
        return np.maximum.accumulate(places)

    def _cumulated(self) -> Array:
        values = np.zeros(self.grid.size + 1)
        for place, cell in self._cells.items():
            values[place + 1] = cell
        return np.cumsum(values)
