"""The status of incidents: every change is a guarded UPDATE with its line in the log."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.incident_machine import NEXT, UNRESOLVED, Status, may_follow
from apps.alerts.incidents import telling
from apps.alerts.machine import ACTIVE
from apps.alerts.models import Episode, Incident, IncidentEpisode
from apps.core.errors import ConflictError, InvalidInputError


def move(
    incident: Incident,
    status: str,
    by: str,
    text: str = "",
    *,
    version: int | None = None,
    news: Sequence[Episode] | None = None,
    **detail: Any,
) -> None:
    """Bring an incident to a status. Raises InvalidInputError, ConflictError.

    `version`: the one the caller saw; a newer one is a conflict. `news`: the alerts that bring it
    about, where some do.
    """
    if status not in set(Status):
        raise InvalidInputError(
            _("The status of an incident is one of: %(known)s.") % {"known": ", ".join(Status)}
        )
    wanted, before = Status(status), Status(incident.status)
    columns: dict[str, Any] = {"status": wanted, "changed_at": Now(), "version": F("version") + 1}
    if wanted is Status.CLOSED:
        columns["closed_at"] = Now()
    elif wanted is Status.RESOLVED:
        columns["resolved_at"] = Now()
    else:
        columns |= {"resolved_at": None, "closed_at": None}
    if wanted is not Status.CLOSED:
        columns["acknowledged_at"] = Coalesce("acknowledged_at", Now())
    mine = Incident.objects.filter(
        pk=incident.pk, status__in=[str(one) for one in may_follow(wanted)], merged_into=None
    )
    if version is not None:
        mine = mine.filter(version=version)
    with transaction.atomic():
        if not mine.update(**columns):
            incident.refresh_from_db()
            raise _conflict(incident, wanted, version)
        kind = "reopened" if before in (Status.RESOLVED, Status.CLOSED) and (
            wanted is Status.INVESTIGATING
        ) else "status"  # fmt: skip
        incident.refresh_from_db()
        telling.note(
            incident, kind, by, text, news=news, before=before.value, after=wanted.value, **detail
        )


def reopen(
    incident: Incident, by: str, text: str = "", *, news: Sequence[Episode] | None = None,
    **detail: Any,
) -> None:  # fmt: skip
    """Back to work on what had ended. Raises ConflictError."""
    move(incident, Status.INVESTIGATING, by, text, news=news, **detail)


def acknowledge(incident: Incident, by: str) -> None:
    """Somebody looks after it. Raises ConflictError."""
    move(incident, Status.ACKNOWLEDGED, by)


def ended(episodes: Sequence[Episode], at: datetime) -> list[Incident]:
    """Resolve what resolves by itself and has no active episode left. For its caller's transaction.

    `at` is only told; times are the database's.
    """
    if not episodes:
        return []
    active = IncidentEpisode.objects.filter(
        incident=OuterRef("pk"), episode__state__in=[str(state) for state in ACTIVE]
    )
    over = list(
        Incident.objects.filter(
            auto_resolve=True,
            status__in=[str(one) for one in UNRESOLVED],
            linked__episode__in=episodes,
        )
        .exclude(Exists(active))
        .distinct()
        .order_by("pk")
    )
    return [one for one in over if _resolve_by_itself(one, at)]


def _resolve_by_itself(incident: Incident, at: datetime) -> bool:
    # Nobody acknowledged by this: the time of that stays unknown.
    won = Incident.objects.filter(
        pk=incident.pk, status__in=[str(one) for one in UNRESOLVED], merged_into=None
    ).update(status=Status.RESOLVED, resolved_at=Now(), changed_at=Now(), version=F("version") + 1)
    if won:
        before = incident.status
        incident.refresh_from_db()
        telling.note(
            incident, "status", telling.SYSTEM, reason="episodes_ended",
            before=before, after=Status.RESOLVED.value, at=at.isoformat(),
        )  # fmt: skip
    return bool(won)


def _conflict(incident: Incident, wanted: Status, version: int | None) -> ConflictError:
    if incident.merged_into_id is not None:
        return ConflictError(
            _("This incident is part of #%(n)d: change that one.") % {"n": incident.merged_into_id}
        )
    if version is not None and version != incident.version:
        return ConflictError(_("Somebody else has changed this incident meanwhile. Look again."))
    return ConflictError(
        _("From %(now)s an incident goes to: %(next)s; not to %(wanted)s.")
        % {
            "now": incident.status,
            "next": ", ".join(_words(NEXT[Status(incident.status)])),
            "wanted": wanted.value,
        }
    )


def _words(statuses: Iterable[Status]) -> list[str]:
    return [status.value for status in statuses]
