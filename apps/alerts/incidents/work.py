"""Roles, tasks, evidence and duplicates of an incident. Each verb leaves a line in its log."""

import re
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.incident_machine import LINKS, ROLES, UNRESOLVED, IncidentSeverity, Status
from apps.alerts.incidents import log, telling
from apps.alerts.incidents.declaring import attach
from apps.alerts.models import (
    Episode,
    Incident,
    IncidentLink,
    IncidentRole,
    IncidentTask,
)
from apps.core.errors import ConflictError, InvalidInputError

_MOST: Final = 200
_SCHEMES: Final = ("http://", "https://")
# Each of these stands in an address of ours.
_IDS: Final = {
    "trace": re.compile(r"[0-9a-f]{32}"),
    "proposal": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "bottleneck": re.compile(r"[0-9a-f]{8,64}"),
}


def describe(
    incident: Incident, by: str, *, title: str | None = None, summary: str | None = None,
    severity: str | None = None,
) -> None:  # fmt: skip
    """Change what is said of an incident; what is None stays. Raises InvalidInputError."""
    wanted: dict[str, Any] = {}
    if title is not None:
        wanted["title"] = log.sound(title, 300, _("The title of an incident"))
    if summary is not None:
        wanted["summary"] = summary.replace("\0", "")[:10_000]
    if severity is not None:
        if severity not in set(IncidentSeverity):
            raise _unknown(_("severity"), list(IncidentSeverity))
        wanted["severity"] = severity
    before = {name: getattr(incident, name) for name in wanted}
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    if not changed:
        return
    with transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(
            **changed, changed_at=Now(), version=F("version") + 1
        )
        incident.refresh_from_db()
        for name, value in changed.items():
            tell = telling.note if name == "severity" else log.note
            tell(incident, name, by, before=before[name], after=value)


def give_role(incident: Incident, role: str, person: User | None, by: str) -> None:
    """Give a role to a person, or with None to nobody. Raises InvalidInputError."""
    if role not in dict(ROLES):
        raise _unknown(_("role"), [key for key, _label in ROLES])
    if person is not None and not (person.is_active and person.is_staff):
        raise InvalidInputError(_("A role is for people who can sign in here."))
    with transaction.atomic():
        if person is None:
            if not IncidentRole.objects.filter(incident=incident, role=role).delete()[0]:
                return
        else:
            IncidentRole.objects.update_or_create(
                incident=incident, role=role, defaults={"person": person, "since": Now()}
            )
        log.note(incident, "role", by, role=role, person=person.get_username() if person else None)


def add_task(
    incident: Incident, text: str, by: str, *, person: User | None = None, afterwards: bool = False
) -> IncidentTask:
    """Something to do. Raises InvalidInputError; ConflictError when there are too many."""
    text = log.sound(text, 500, _("A task"))
    with transaction.atomic():
        _room(IncidentTask.objects.filter(incident=incident).count())
        task = IncidentTask.objects.create(
            incident=incident, text=text, person=person, created_by=by[:200], afterwards=afterwards
        )
        log.note(incident, "task", by, text, task=task.pk)
    return task


def settle_task(incident: Incident, task: int, state: str, by: str) -> None:
    """Mark a task done, dropped or to do again. Raises InvalidInputError, ConflictError."""
    if state not in IncidentTask.State.values:
        raise _unknown(_("state"), IncidentTask.State.values)
    settled = None if state == IncidentTask.State.TODO else Now()
    with transaction.atomic():
        mine = IncidentTask.objects.filter(pk=task, incident=incident).exclude(state=state)
        if not mine.update(state=state, settled_at=settled):
            raise ConflictError(_("There is no such task, or it is in that state already."))
        text = IncidentTask.objects.get(pk=task).text
        log.note(incident, f"task_{state}", by, text, task=task)


def link(incident: Incident, kind: str, ref: str, by: str, title: str = "") -> IncidentLink:
    """Add evidence; the same again changes nothing. Raises InvalidInputError, ConflictError."""
    if kind not in dict(LINKS):
        raise _unknown(_("kind"), [key for key, _label in LINKS])
    ref = log.sound(ref, 1000, _("A link"))
    if kind in _IDS and not _IDS[kind].fullmatch(ref):
        raise InvalidInputError(_("This is no id of a trace, proposal or bottleneck."))
    if kind == "page" and not ref.startswith(_SCHEMES):
        raise InvalidInputError(_("The address of a page begins with http:// or https://."))
    if kind in ("logs", "chart") and not ref.startswith("/admin/"):
        raise InvalidInputError(_("Log lines and charts are linked by their path in this portal."))
    with transaction.atomic():
        _room(IncidentLink.objects.filter(incident=incident).count())
        row, new = IncidentLink.objects.get_or_create(
            incident=incident, kind=kind, ref=ref,
            defaults={"title": title.replace("\0", "").strip()[:300], "by": by[:200]},
        )  # fmt: skip
        if new:
            log.note(incident, "link", by, row.title, kind=kind, ref=ref)
    return row


def link_episodes(incident: Incident, ids: list[Any], by: str) -> int:
    """Make alerts part of an incident; how many were not yet. Raises InvalidInputError."""
    found = list(Episode.objects.filter(pk__in=ids[:_MOST]))
    if len(found) != len(set(ids)):
        raise InvalidInputError(_("There is no such alert."))
    with transaction.atomic():
        return attach(incident, found, by)


def merge(incident: Incident, into: Incident, by: str) -> None:
    """Close a duplicate: what belongs to it, except its log, goes to the other.

    Raises InvalidInputError, ConflictError.
    """
    if incident.pk == into.pk:
        raise InvalidInputError(_("An incident is not its own duplicate."))
    with transaction.atomic():
        # Both rows in one order: two merges that cross must not wait for each other.
        rows = Incident.objects.select_for_update(no_key=True).filter(pk__in=[incident.pk, into.pk])
        here = {row.pk: row for row in rows.order_by("pk")}
        if here[into.pk].merged_into_id is not None or here[into.pk].status == Status.CLOSED:
            raise ConflictError(_("The other one is closed."))
        won = Incident.objects.filter(
            pk=incident.pk, merged_into=None, status__in=[*UNRESOLVED, Status.RESOLVED]
        ).update(
            merged_into=into, status=Status.CLOSED, closed_at=Now(), changed_at=Now(),
            version=F("version") + 1,
        )  # fmt: skip
        if not won:
            raise ConflictError(_("This incident is closed already."))
        _hand_over(incident, into, by)
        incident.refresh_from_db()
        telling.note(incident, "merged", by, into=into.pk)
        log.note(into, "absorbed", by, incident.title, incident=incident.pk)
        Incident.objects.filter(pk=into.pk).update(
            started_at=min(incident.started_at, here[into.pk].started_at),
            detected_at=min(incident.detected_at, here[into.pk].detected_at),
            changed_at=Now(), version=F("version") + 1,
        )  # fmt: skip
    into.refresh_from_db()


def _hand_over(incident: Incident, into: Incident, by: str) -> None:
    # What was merged into the duplicate is part of the other now.
    Incident.objects.filter(merged_into=incident).update(merged_into=into)
    attach(into, list(incident.episodes.all()), by)
    for row in incident.links.all():
        IncidentLink.objects.get_or_create(
            incident=into, kind=row.kind, ref=row.ref, defaults={"title": row.title, "by": row.by}
        )
    IncidentTask.objects.filter(incident=incident, state=IncidentTask.State.TODO).update(
        incident=into
    )


def _room(used: int) -> None:
    if used >= _MOST:
        raise ConflictError(_("An incident holds at most %(n)d of these.") % {"n": _MOST})


def _unknown(what: Any, known: list[Any]) -> InvalidInputError:
    return InvalidInputError(
        _("The %(what)s is one of: %(known)s.")
        % {"what": what, "known": ", ".join(map(str, known))}
    )
