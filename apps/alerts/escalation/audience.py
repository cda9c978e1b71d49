"""Whom a step reaches, and why nobody where it reaches nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from apps.alerts.escalation.plan import Step
from apps.alerts.machine import Severity
from apps.alerts.models import Channel, Schedule, Team
from apps.alerts.models.escalation import StepKind
from apps.alerts.oncall.duty import on_call
from apps.alerts.oncall.reach import contacts_of


@dataclass(frozen=True)
class Audience:
    """Who is told: people by their channels, and channels of nobody in particular.

    `nobody`: why there is none. `broken`: that is a fault of the policy, not somebody's night.
    """

    people: list[tuple[User, list[Channel]]] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    nobody: str = ""
    broken: bool = False

    @property
    def names(self) -> list[str]:
        """Everybody, for the timeline."""
        return [
            *(person.get_username() for person, _channels in self.people),
            *(channel.name for channel in self.channels),
        ]


def audience(step: Step, severity: str, at: datetime) -> Audience:
    """Whom a paging step reaches at an instant."""
    if step.kind in (StepKind.CHANNEL, StepKind.WEBHOOK):
        return of_channel(step.target, step.name)
    if step.kind == StepKind.TEAM:
        return _team(step, severity, at)
    people = _people(step, at)
    if not people:
        return Audience(nobody=_absent(step), broken=True)
    return _reached(people, [], severity, at)


def of_channel(pk: int, name: str) -> Audience:
    """A channel, if it is there and switched on."""
    found = list(Channel.objects.filter(pk=pk, enabled=True))
    if found:
        return Audience(channels=found)
    nobody = _("The channel %(name)s is gone or switched off.") % {"name": name}
    return Audience(nobody=nobody, broken=True)


def _people(step: Step, at: datetime) -> list[User]:
    if step.kind == StepKind.USER:
        return list(User.objects.filter(pk=step.target, is_active=True))
    schedule = Schedule.objects.filter(pk=step.target).first()
    return on_call(schedule, at) if schedule else []


def _team(step: Step, severity: str, at: datetime) -> Audience:
    team = Team.objects.filter(pk=step.target).select_related("channel").first()
    if team is None:
        return Audience(nobody=_absent(step), broken=True)
    people = list(team.members.filter(is_active=True).order_by("pk"))
    shared = [team.channel] if team.channel and team.channel.enabled else []
    if not people and not shared:
        return Audience(nobody=_absent(step), broken=True)
    return _reached(people, shared, severity, at)


def _reached(
    people: Sequence[User], shared: list[Channel], severity: str, at: datetime
) -> Audience:
    ways = contacts_of(people, severity, at)
    reached = [(person, ways[person.pk]) for person in people if ways[person.pk]]
    if reached or shared:
        return Audience(reached, shared)
    names = ", ".join(person.get_username() for person in people)
    always = contacts_of(people, Severity.CRITICAL, at)
    if any(always[person.pk] for person in people):
        return Audience(nobody=_("%(names)s: nothing below critical now.") % {"names": names})
    nobody = _("%(names)s: no contact method that works.") % {"names": names}
    return Audience(nobody=nobody, broken=True)


def _absent(step: Step) -> str:
    if step.kind == StepKind.SCHEDULE:
        return _("Nobody is on call in %(name)s.") % {"name": step.name}
    if step.kind == StepKind.TEAM:
        return _("Team %(name)s has nobody in it.") % {"name": step.name}
    return _("The account of %(name)s is closed.") % {"name": step.name}
