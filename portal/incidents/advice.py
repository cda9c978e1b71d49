"""What should happen next about an incident, most pressing first."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.alerts.incident_machine import UNRESOLVED, Status
from apps.alerts.models import Incident, IncidentRole, IncidentTask, PostMortem, Stage


def next_steps(
    incident: Incident,
    roles: Sequence[IncidentRole],
    tasks: Sequence[IncidentTask],
    written: PostMortem | None,
    notices: Sequence[Any],
) -> list[str]:
    """Sentences; empty when nothing is left to do."""
    if incident.merged_into_id is not None:
        return []
    held = {row.role for row in roles}
    now = [task for task in tasks if task.state == IncidentTask.State.TODO and not task.afterwards]
    untold = [one for one in notices if one.stage != Stage.RESOLVED]
    if incident.status in UNRESOLVED:
        return [*_at_work(incident, held, notices), *_tasks(now)]
    steps = []
    if untold:
        steps.append(_("Tell readers of the status page that it is over."))
    if written is None or written.generated:
        steps.append(_("Write down what was learned."))
    steps += _tasks(now)
    if incident.status == Status.RESOLVED and not steps:
        steps.append(_("Close it."))
    return steps


def _at_work(incident: Incident, held: set[str], notices: Sequence[Any]) -> list[str]:
    steps = []
    if incident.status == Status.OPEN:
        steps.append(_("Acknowledge it, so that others know somebody looks after it."))
    if "commander" not in held:
        steps.append(_("Name an incident commander."))
    if not incident.summary:
        steps.append(_("Say in a sentence what users notice."))
    if incident.severity == "critical" and "communications" not in held:
        steps.append(_("Name who speaks to those outside."))
    if incident.severity == "critical" and not notices:
        steps.append(_("Tell readers of the status page."))
    return steps


def _tasks(open_tasks: Sequence[IncidentTask]) -> list[str]:
    n = len(open_tasks)
    if not n:
        return []
    return [ngettext("%(n)d task is open.", "%(n)d tasks are open.", n) % {"n": n}]
