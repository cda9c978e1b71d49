"""Whom a step reaches, and why nobody where it reaches nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from apps.alerts.escalation.plan import Step
from apps.alerts.machine import Severity
from apps.alerts.models import Channel, Schedule, Team
from apps.alerts.models.escalation import StepKind
from apps.alerts.oncall.duty import on_call_of
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
    return audiences([step], severity, at)[0]


def audiences(steps: Sequence[Step], severity: str, at: datetime) -> list[Audience]:
    """The same for many, in the same number of statements."""
    found = [_members(step, rows) for rows in [_Rows.of(steps, at)] for step in steps]
    everybody = {person.pk: person for people, _shared in found for person in people}
    ways = contacts_of(everybody.values(), severity, at) if everybody else {}
    missed = {
        person.pk: person
        for people, shared in found
        if not shared and not any(ways.get(person.pk) for person in people)
        for person in people
    }
    always = contacts_of(missed.values(), Severity.CRITICAL, at) if missed else {}
    return [
        _reached(step, people, shared, ways, always)
        for step, (people, shared) in zip(steps, found, strict=True)
    ]


def of_channel(pk: int, name: str) -> Audience:
    """A channel, if it is there and switched on."""
    return _told(name, list(Channel.objects.filter(pk=pk, enabled=True)))


@dataclass(frozen=True)
class _Rows:
    """What the steps name, by number; what is switched off, gone or closed is missing."""

    channels: Mapping[int, Channel]
    teams: Mapping[int, Team]
    users: Mapping[int, User]
    duties: Mapping[int, list[User]]

    @classmethod
    def of(cls, steps: Sequence[Step], at: datetime) -> "_Rows":
        """Read for all steps at once; nothing is asked for that none of them names."""
        named = {kind: [step.target for step in steps if step.kind == kind] for kind in StepKind}
        channels = named[StepKind.CHANNEL] + named[StepKind.WEBHOOK]
        active = User.objects.filter(is_active=True).order_by("pk")
        teams = Team.objects.select_related("channel").prefetch_related(
            Prefetch("members", active, to_attr="awake")
        )
        schedules = named[StepKind.SCHEDULE]
        return cls(
            Channel.objects.filter(enabled=True).in_bulk(channels),
            teams.in_bulk(named[StepKind.TEAM]),
            active.in_bulk(named[StepKind.USER]),
            on_call_of(list(Schedule.objects.filter(pk__in=schedules)), at) if schedules else {},
        )


def _members(step: Step, rows: _Rows) -> tuple[list[User], list[Channel]]:
    """The people a step names, and the channels that reach nobody in particular."""
    match step.kind:
        case StepKind.CHANNEL | StepKind.WEBHOOK:
            return [], [rows.channels[step.target]] if step.target in rows.channels else []
        case StepKind.TEAM if step.target in rows.teams:
            team: Any = rows.teams[step.target]
            return team.awake, [team.channel] if team.channel and team.channel.enabled else []
        case StepKind.USER if step.target in rows.users:
            return [rows.users[step.target]], []
        case _:
            return rows.duties.get(step.target, []) if step.kind == StepKind.SCHEDULE else [], []


def _reached(
    step: Step,
    people: Sequence[User],
    shared: list[Channel],
    ways: Mapping[int, list[Channel]],
    always: Mapping[int, list[Channel]],
) -> Audience:
    if step.kind in (StepKind.CHANNEL, StepKind.WEBHOOK):
        return _told(step.name, shared)
    if not people and not shared:
        return Audience(nobody=_absent(step), broken=True)
    reached = [(person, ways[person.pk]) for person in people if ways.get(person.pk)]
    if reached or shared:
        return Audience(reached, shared)
    names = ", ".join(person.get_username() for person in people)
    if any(always.get(person.pk) for person in people):
        return Audience(nobody=_("%(names)s: nothing below critical now.") % {"names": names})
    nobody = _("%(names)s: no contact method that works.") % {"names": names}
    return Audience(nobody=nobody, broken=True)


def _told(name: str, channels: list[Channel]) -> Audience:
    if channels:
        return Audience(channels=channels)
    nobody = _("The channel %(name)s is gone or switched off.") % {"name": name}
    return Audience(nobody=nobody, broken=True)


def _absent(step: Step) -> str:
    if step.kind == StepKind.SCHEDULE:
        return _("Nobody is on call in %(name)s.") % {"name": step.name}
    if step.kind == StepKind.TEAM:
        return _("Team %(name)s has nobody in it.") % {"name": step.name}
    return _("The account of %(name)s is closed.") % {"name": step.name}
