"""What a chart shows: a range in steps wide enough to see, without the step still running."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.core.errors import InvalidInputError
from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange

# Each divides the next tier of the store: minutes from 60 s on, hours from an hour on.
STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    604_800,
)  # fmt: skip
DEFAULT_WIDTH_PX: Final = 600
_NARROWEST_PX, _WIDEST_PX = 100, 4000
# What a sender flushes each second is complete after this.
_SETTLE_S: Final = 2
# A step below ten seconds is worth its cost only for somebody who has zoomed in.
_CALM_S, _CALM_STEP_S = 300, 10
_RAW_UP_TO_S: Final = 6 * 3600
_MINUTES_UP_TO_S: Final = 30 * 86_400
_TAIL_S: Final = 180


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end) on step borders. `live` ends now; `sliding` has a start that moves too."""

    start: datetime
    end: datetime
    step_s: int
    live: bool = False
    sliding: bool = False

    @classmethod
    def of(
        cls, choice: Choice, width_px: int = DEFAULT_WIDTH_PX, now: datetime | None = None
    ) -> "Window":
        """The window of a choice on a plot this wide: about one point for two pixels.

        The last step is complete: a half-filled one would look like a drop.
        """
        span = choice.time_range
        step_s = step_for(span.duration_s, width_px)
        done = last_border(step_s, now)
        start, end = _floor(span.start, step_s), _floor(span.end, step_s)
        if choice.live or end >= done:
            end = done if choice.live else min(_ceil(span.end, step_s), max(done, end))
        elif end < span.end:
            end += timedelta(seconds=step_s)
        if choice.sliding:
            start = end - timedelta(seconds=max(step_s, span.duration_s // step_s * step_s))
        return cls(min(start, end - timedelta(seconds=step_s)), end, step_s, choice.live,
                   choice.sliding)  # fmt: skip

    @property
    def range(self) -> TimeRange:
        """The whole of it."""
        return TimeRange(self.start, self.end)

    @property
    def readable(self) -> TimeRange:
        """The part worth reading: without steps that are not over."""
        end = min(self.end, last_border(self.step_s))
        return TimeRange(min(self.start, end - timedelta(seconds=self.step_s)), end)


def tail(step_s: int, now: datetime | None = None) -> TimeRange:
    """The newest end of a live window: all that may still change."""
    end = last_border(step_s, now)
    # Services that export each minute must find their newest points inside it.
    steps = max(3, -(-_TAIL_S // step_s))
    return TimeRange(end - timedelta(seconds=steps * step_s), end)


def step_for(duration_s: float, width_px: int) -> int:
    """Seconds of one point, of `STEPS`: about one point for two pixels."""
    width = min(max(width_px, _NARROWEST_PX), _WIDEST_PX)
    least: float = duration_s / (width / 2)
    if duration_s > _CALM_S:
        least = max(least, _CALM_STEP_S)
    if duration_s > _RAW_UP_TO_S:
        least = max(least, 60)
    if duration_s > _MINUTES_UP_TO_S:
        least = max(least, 3600)
    return next((step for step in STEPS if step >= least), STEPS[-1])


def width_of(text: str | None) -> int:
    """A plot's width in pixels as sent by a page; raises InvalidInputError when it is none."""
    if not text:
        return DEFAULT_WIDTH_PX
    if not text.isascii() or not text.isdecimal() or len(text) > 5:
        raise InvalidInputError("`width` is a number of pixels.", {"parameter": "width"})
    # In hundreds, so that viewers with nearly the same window share one answer.
    return min(max(-(-int(text) // 100) * 100, _NARROWEST_PX), _WIDEST_PX)


def last_border(step_s: int, now: datetime | None = None) -> datetime:
    """The end of the newest step that is complete."""
    seconds = int((now or datetime.now(UTC)).timestamp()) - _SETTLE_S
    return datetime.fromtimestamp(seconds - seconds % step_s, UTC)


def _floor(moment: datetime, step_s: int) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % step_s, UTC)


def _ceil(moment: datetime, step_s: int) -> datetime:
    low = _floor(moment, step_s)
    return low if low == moment else low + timedelta(seconds=step_s)
