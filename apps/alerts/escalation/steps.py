"""What each kind of step does. Everything it writes is in the transaction of its escalation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.alerts.escalation import paging
from apps.alerts.escalation.audience import Audience, audience, of_channel
from apps.alerts.escalation.machine import Again, Done, End, Hold
from apps.alerts.escalation.plan import Plan, Step
from apps.alerts.incidents import declare
from apps.alerts.models import Episode, Escalation
from apps.alerts.models.escalation import StepKind

# How soon a condition that is not met is looked at again.
RECHECK_S: Final = 15


@dataclass(frozen=True)
class Context:
    """What a step may look at. `episodes` are the open ones, worst first."""

    row: Escalation
    plan: Plan
    step: Step
    episodes: Sequence[Episode]
    now: datetime


@dataclass(frozen=True)
class Effect:
    """What became of a step: the verdict, who was told, and a fault of the policy if any."""

    verdict: Done | Hold | Again | End
    told: Sequence[str] = ()
    nobody: str = ""
    broken: bool = False


def run(context: Context) -> Effect:
    """Do what the step says."""
    return _KINDS[context.step.kind](context)


def catch_all(context: Context) -> Effect:
    """Tell the last resort."""
    return _tell(context, of_channel(context.plan.catch_all, context.plan.catch_all_name))


def _page(context: Context) -> Effect:
    return _tell(context, audience(context.step, context.row.severity, context.now))


def _tell(context: Context, found: Audience) -> Effect:
    if found.nobody:
        # Nobody heard it: waiting for an acknowledgement would be waiting for nobody.
        return Effect(Done(), nobody=found.nobody, broken=found.broken)
    paging.page(context.row, context.plan, context.episodes, found)
    return Effect(Done(context.step.wait_s), found.names)


def _declare(context: Context) -> Effect:
    row, first = context.row, context.episodes[0]
    declare(
        f"escalation:{row.pk}", first.rule_name, row.severity, by=context.plan.name,
        episodes=context.episodes, source="escalation",
    )  # fmt: skip
    return Effect(Done())


def _wait(context: Context) -> Effect:
    return Effect(Done(context.step.wait_s))


def _time_range(context: Context) -> Effect:
    opens = context.step.opens_at(context.now)
    return Effect(Done() if opens <= context.now else Hold(opens))


def _many_alerts(context: Context) -> Effect:
    since = context.now - timedelta(seconds=context.step.within_s)
    recent = context.row.members.filter(episode__fired_at__gt=since)[: context.step.more_than + 1]
    if len(recent) > context.step.more_than:
        return Effect(Done())
    return Effect(Hold(context.now + timedelta(seconds=RECHECK_S)))


def _repeat(context: Context) -> Effect:
    return Effect(Again(context.step.repeats))


def _resolve(_context: Context) -> Effect:
    return Effect(End())


_KINDS: Final[dict[StepKind, Callable[[Context], Effect]]] = {
    StepKind.WAIT: _wait,
    StepKind.USER: _page,
    StepKind.TEAM: _page,
    StepKind.SCHEDULE: _page,
    StepKind.CHANNEL: _page,
    StepKind.WEBHOOK: _page,
    StepKind.TIME_RANGE: _time_range,
    StepKind.MANY_ALERTS: _many_alerts,
    StepKind.DECLARE: _declare,
    StepKind.REPEAT: _repeat,
    StepKind.RESOLVE: _resolve,
}
