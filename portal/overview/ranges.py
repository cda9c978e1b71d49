"""The ranges of the Overview: how far back, and how wide one point is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.core.timerange import TimeRange

# The recorder flushes each second; what is younger than this is not complete yet.
_SETTLE_S: Final = 2
# Services that export each minute must find their newest points inside the live tail.
_TAIL_S: Final = 180


@dataclass(frozen=True, slots=True)
class Span:
    """One choice of the range picker."""

    key: str
    label: Any
    length_s: int
    step_s: int

    def whole(self, now: datetime | None = None) -> TimeRange:
        """The full range, on step borders, up to the last complete step."""
        end = self._last_border(now or datetime.now(UTC))
        return TimeRange(end - timedelta(seconds=self.length_s), end)

    def tail(self, now: datetime | None = None) -> TimeRange:
        """Its newest end: all that may still change."""
        end = self._last_border(now or datetime.now(UTC))
        steps = max(3, -(-_TAIL_S // self.step_s))
        return TimeRange(end - timedelta(seconds=steps * self.step_s), end)

    def _last_border(self, now: datetime) -> datetime:
        seconds = int(now.timestamp()) - _SETTLE_S
        return datetime.fromtimestamp(seconds - seconds % self.step_s, UTC)


SPANS: Final = {
    span.key: span
    for span in (
        Span("15m", _("15 min"), 900, 10),
        Span("1h", _("1 hour"), 3600, 30),
        Span("6h", _("6 hours"), 21_600, 180),
        Span("24h", _("24 hours"), 86_400, 600),
    )
}
DEFAULT: Final = "15m"
