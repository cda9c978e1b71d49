"""How a new word about an alert joins the last one, as Alertmanager does. No database, no clock.

Source: Alertmanager's `types.Alert.Merge` and `provider/mem`: earliest start, the latest end that
somebody named, newest annotations; words that do not overlap are about another run.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.alerts.foreign.told import Told

# Longer than this nothing is believed to last without being told again.
LONGEST_HOLD: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when an alert is active; `timed`: nobody named the end."""

    starts_at: datetime
    ends_at: datetime
    timed: bool

    def over(self, now: datetime) -> bool:
        """Whether it has ended."""
        return self.ends_at <= now


def span_of(told: Told, now: datetime, hold: timedelta) -> Span:
    """The times of one telling. A clock that runs ahead cannot move the start past now."""
    timed = told.ends_at is None
    ends = now + hold if told.ends_at is None else min(told.ends_at, now + LONGEST_HOLD)
    starts = told.starts_at or (now if timed else min(now, ends))
    return Span(min(starts, now), ends, timed)


def merged(old: Span, new: Span, now: datetime) -> Span:
    """What is known after `new` was told over `old`."""
    if old.over(now) or new.starts_at > old.ends_at:
        return new
    starts = min(old.starts_at, new.starts_at)
    if new.over(now) or old.timed or old.ends_at <= new.ends_at:
        return Span(starts, new.ends_at, new.timed)
    return Span(starts, old.ends_at, timed=False)
