"""Ask for an export, cancel it, fetch it, let it expire. Each leaves an audit entry."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.core.errors import ConflictError, NotFoundError
from apps.core.services import audit
from apps.core.timerange import TimeRange
from apps.monitoring.logexports import files
from apps.monitoring.models import LogExport

logger = logging.getLogger(__name__)
State = LogExport.State
KEPT: Final = timedelta(hours=24)
MOST_KEPT: Final = 10
_REMEMBERED: Final = timedelta(days=30)


def ask(owner: str, form: str, query: Mapping[str, Any], time_range: TimeRange) -> LogExport:
    """Queue an export. Raises ConflictError while another one of the owner is being made."""
    if LogExport.objects.filter(owner=owner, state=State.DONE).count() >= MOST_KEPT:
        raise ConflictError(
            _("Ten exports are kept already: delete one, or wait until one expires.")
        )
    try:
        with transaction.atomic():
            export = LogExport.objects.create(
                owner=owner, form=form, query=dict(query), start=time_range.start,
                end=time_range.end,
            )  # fmt: skip
            audit.record(owner, "logexport.create", str(export.pk), None, _told(export))
    except IntegrityError as error:
        if "logexport_one_at_a_time" not in str(error):
            raise
        raise ConflictError(_("Another export of yours is being made.")) from error
    logger.info("A log export was asked for", extra={"export": str(export.pk), "owner": owner})
    return export


def visible(owner: str, *, everyone: bool = False) -> QuerySet[LogExport]:
    """The exports somebody may see: their own; all for who may see everything."""
    found = LogExport.objects.all()
    return found if everyone else found.filter(owner=owner)


def one(export_id: UUID, owner: str, *, everyone: bool = False) -> LogExport:
    """One of them. Raises NotFoundError."""
    export = visible(owner, everyone=everyone).filter(pk=export_id).first()
    if export is None:
        raise NotFoundError("There is no such export.")
    return export


def cancel(export: LogExport, by: str) -> None:
    """Stop it if it is being made, and delete its file. Doing so twice does no harm."""
    with transaction.atomic():
        stopped = LogExport.objects.filter(
            pk=export.pk, state__in=[State.QUEUED, State.RUNNING, State.DONE]
        ).update(state=State.CANCELLED, finished_at=datetime.now(UTC), lease=None)
        if stopped:
            audit.record(by, "logexport.cancel", str(export.pk), _told(export), None)
    files.remove(export)


def fetch(export: LogExport, by: str) -> Path:
    """The file, noted in the audit trail. Raises ConflictError where there is none."""
    path = files.path_of(export)
    if export.state != State.DONE or not path.exists():
        raise ConflictError(
            _("There is no file: the export is not done, was deleted or has expired."),
            {"state": export.state},
        )
    audit.record(by, "logexport.download", str(export.pk), None, _told(export))
    return path


def expire(now: datetime | None = None) -> int:
    """Delete the files of exports that are over, and forget old ones; how many expired."""
    now = now or datetime.now(UTC)
    over = LogExport.objects.filter(state=State.DONE, expires_at__lte=now)
    gone = 0
    for export in over[:1000]:
        files.remove(export)
        gone += LogExport.objects.filter(pk=export.pk, state=State.DONE).update(state=State.EXPIRED)
    LogExport.objects.filter(created_at__lt=now - _REMEMBERED).exclude(
        state__in=[State.QUEUED, State.RUNNING, State.DONE]
    ).delete()
    _sweep(now)
    return gone


def _sweep(now: datetime) -> None:
    """Delete files of no export that has one: a worker may have written after a cancellation."""
    old = (now - timedelta(hours=1)).timestamp()
    found = {path.name.split(".")[0]: path for path in files.folder().glob("*.gz")
             if path.stat().st_mtime < old}  # fmt: skip
    known = LogExport.objects.filter(state__in=[State.QUEUED, State.RUNNING, State.DONE])
    kept = {str(pk) for pk in known.values_list("pk", flat=True)}
    for name, path in found.items():
        if name not in kept:
            path.unlink(missing_ok=True)


def _told(export: LogExport) -> dict[str, Any]:
    return {
        "form": export.form, "query": export.query, "start": export.start, "end": export.end,
        "rows": export.rows, "state": export.state,
    }  # fmt: skip
