"""How operations fare against earlier: the period before, the same hours of other days, a deploy.

A regression is slower (or fails more) than *every* earlier stretch that has enough requests: what
is slow each Monday morning is a habit, not news.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from apps.core.timerange import TimeRange
from apps.monitoring.models.deployment import Deployment
from apps.monitoring.queries import red, significance
from apps.monitoring.queries.red import Figures, Operation, Wanted
from apps.monitoring.queries.significance import Compared, Shift

DAY: Final = timedelta(days=1)
# Processes start cold: the first minute after a deployment says nothing of the version.
_WARM: Final = timedelta(minutes=1)
_AROUND: Final = timedelta(hours=1)
_LEAST_AROUND: Final = timedelta(minutes=5)
BEFORE, YESTERDAY, LAST_WEEK, DEPLOY = "before", "day", "week", "deploy"


@dataclass(frozen=True)
class Against:
    """One operation against one earlier stretch; `what` is before, day, week or deploy."""

    what: str
    n: int
    durations: Compared
    errors: Shift
    rate: Shift
    rate_change: float | None


@dataclass(frozen=True)
class Trend:
    """One operation against every earlier stretch."""

    operation: Operation
    against: list[Against] = field(default_factory=list)

    @property
    def regressed(self) -> bool:
        """Slower than every earlier stretch that can be compared."""
        told = [one.durations.verdict for one in self.against]
        known = [verdict for verdict in told if verdict != "too few"]
        return bool(known) and all(verdict == "slower" for verdict in known)

    @property
    def fails_more(self) -> bool:
        """Failing more than in every earlier stretch that can be compared."""
        known = [one.errors for one in self.against if one.errors != "too few"]
        return bool(known) and all(shift == "more" for shift in known)


def earlier(time_range: TimeRange) -> dict[str, TimeRange]:
    """The stretches a range is compared with, as long as itself; none that overlaps it."""
    length = time_range.duration
    found = {BEFORE: TimeRange(time_range.start - length, time_range.start)}
    for what, ago in ((YESTERDAY, DAY), (LAST_WEEK, 7 * DAY)):
        if length < ago:
            found[what] = TimeRange(time_range.start - ago, time_range.end - ago)
    return found


def trends(
    time_range: TimeRange, wanted: Wanted, now: dict[Operation, Figures] | None = None
) -> dict[Operation, Trend]:
    """Every operation of the range against earlier ones. `now` saves reading the range again."""
    current = red.operations(time_range, wanted) if now is None else now
    found = {operation: Trend(operation) for operation in current}
    for what, before in earlier(time_range).items():
        figures = red.operations(before, wanted, only=list(found))
        for operation, trend in found.items():
            if operation in figures:
                trend.against.append(
                    compared(what, figures[operation], before, current[operation], time_range)
                )
    return found


def around(deployment: Deployment, now: datetime) -> dict[Operation, Trend]:
    """The service's operations after a deployment against before it; empty while it is too new.

    Up to an hour on each side, without the first minute.
    """
    after = TimeRange(deployment.at + _WARM, max(min(now, deployment.at + _AROUND),
                                                 deployment.at + 2 * _WARM))  # fmt: skip
    if after.duration < _LEAST_AROUND:
        return {}
    before = TimeRange(deployment.at - after.duration, deployment.at)
    wanted = Wanted(service=deployment.service)
    old, new = red.operations(before, wanted), red.operations(after, wanted)
    return {
        operation: Trend(operation, [compared(DEPLOY, old[operation], before, figures, after)])
        for operation, figures in new.items()
        if operation in old
    }


def compared(what: str, old: Figures, before: TimeRange, new: Figures, after: TimeRange) -> Against:
    """One stretch against an earlier one."""
    old_rate, new_rate = old.n / before.duration_s, new.n / after.duration_s
    return Against(
        what,
        old.n,
        significance.durations(old.state, new.state),
        significance.shares((old.err, old.n), (new.err, new.n)),
        significance.rates((old.n, before.duration_s), (new.n, after.duration_s)),
        new_rate / old_rate - 1 if old_rate else None,
    )
