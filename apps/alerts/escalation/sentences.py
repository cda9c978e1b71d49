"""A step in words, as people read it in the policy, the timeline and a message."""

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.alerts.delivery.wording import duration
from apps.alerts.escalation.plan import PAGES, Step
from apps.alerts.models.escalation import StepKind


def sentence(step: Step) -> str:
    """What the step does, and how long it waits."""
    told = _does(step)
    if step.kind in PAGES and step.wait_s:
        wait = duration(step.wait_s)
        return _("%(does)s, then wait %(time)s.") % {"does": told, "time": wait}
    return f"{told}."


def _does(step: Step) -> str:  # noqa: PLR0911 (one line for each kind)
    name = step.name or _("nobody")
    match step.kind:
        case StepKind.USER:
            return _("Page %(name)s") % {"name": name}
        case StepKind.TEAM:
            return _("Page everyone in team %(name)s") % {"name": name}
        case StepKind.SCHEDULE:
            return _("Page whoever is on call in %(name)s") % {"name": name}
        case StepKind.CHANNEL:
            return _("Tell %(name)s") % {"name": name}
        case StepKind.WEBHOOK:
            return _("Call the webhook %(name)s") % {"name": name}
        case StepKind.DECLARE:
            return _("Declare an incident")
        case StepKind.RESOLVE:
            return _("End the escalation")
        case StepKind.WAIT:
            return _("Wait %(time)s") % {"time": duration(step.wait_s)}
        case _:
            return _condition(step)


def _condition(step: Step) -> str:
    if step.kind == StepKind.REPEAT:
        return ngettext(
            "Begin again, at most %(n)d time", "Begin again, at most %(n)d times", step.repeats
        ) % {"n": step.repeats}
    if step.kind == StepKind.MANY_ALERTS:
        words = {"n": step.more_than, "time": duration(step.within_s)}
        return _("Go on only when there were more than %(n)d alerts within %(time)s") % words
    days = ", ".join(str(WEEKDAYS_ABBR[day]) for day in step.weekdays) or _("every day")
    return _("Go on only from %(start)s until %(end)s (%(zone)s) on %(days)s") % {
        "start": f"{step.from_time:%H:%M}", "end": f"{step.until_time:%H:%M}",
        "zone": step.zone, "days": days,
    }  # fmt: skip
