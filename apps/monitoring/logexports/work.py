"""Making the files, part by part. A worker may die at any point: another goes on from there.

A part is written and synced first, then one guarded UPDATE says that it counts; both under the
file's lock. A worker that lost its lease on the way there writes nothing, and what one wrote that
died is cut off by whoever goes on.
"""

import logging
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q

from apps.core import due
from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.api import rows
from apps.monitoring.logexports import files
from apps.monitoring.logexports.services import KEPT
from apps.monitoring.models import LogExport
from apps.monitoring.queries import logs
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LogFilter
from apps.monitoring.queries.logs import LogLine

logger = logging.getLogger(__name__)
State = LogExport.State
TASK: Final = "apps.monitoring.tasks.work_on_log_exports"
MOST_ROWS: Final = 1_000_000
MOST_BYTES: Final = 512 * 1024 * 1024
PART_ROWS: Final = 1_000
# Each holds a thread of a worker.
_AT_ONCE: Final = 2
_LEASE: Final = timedelta(seconds=60)
_MOST_ATTEMPTS: Final = 5


def watch() -> None:
    """Have `work` done while there are exports that are not finished."""
    due.watch(
        TASK, "low", lambda: [LogExport.objects.filter(state__in=[State.QUEUED, State.RUNNING])]
    )


def work(budget_s: float = 240.0) -> int:
    """Make what is queued, and go on with what was left; how many were finished."""
    deadline = time.monotonic() + budget_s
    finished = 0
    while time.monotonic() < deadline and (export := _claim()) is not None:
        finished += _make(export, deadline)
    return finished


def _claim() -> LogExport | None:
    """The oldest export nobody works on, now ours for a minute."""
    now = datetime.now(UTC)
    if (
        LogExport.objects.filter(state=State.RUNNING, lease_until__gte=now)
        .exclude(lease=None)
        .count()
        >= _AT_ONCE
    ):
        return None
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING, lease=None) | Q(
        state=State.RUNNING, lease_until__lt=now
    )  # fmt: skip
    for pk in (
        LogExport.objects.filter(free).order_by("created_at").values_list("pk", flat=True)[:20]
    ):
        won = LogExport.objects.filter(free, pk=pk).update(
            state=State.RUNNING, lease=uuid.uuid4(), lease_until=now + _LEASE,
            attempts=F("attempts") + 1,
        )  # fmt: skip
        if won:
            return LogExport.objects.get(pk=pk)
    return None


def _make(export: LogExport, deadline: float) -> bool:
    """Write parts until all is written, time is up, or somebody took it from us."""
    try:
        while time.monotonic() < deadline:
            done = _part(export)
            if done is None:
                return False
            if done:
                return True
    except (UnavailableError, OperationalError, InterfaceError) as error:
        return _stumbled(export, f"The search failed: {error}")
    except OSError as error:
        return _stumbled(export, f"The file cannot be written: {error.strerror}")
    _told(export, lease=None, attempts=0)
    return False


def _part(export: LogExport) -> bool | None:
    """Write one part. True when it was the last, None when the export is not ours any more."""
    after = LinePlace.parse(export.reached) if export.reached else None
    room = min(PART_ROWS, MOST_ROWS - export.rows)
    found: Found[LogLine] = logs.search(
        TimeRange(export.start, export.end), _filter(export), after=after, limit=room, whole=True
    )
    more = found.next is not None
    note = _limit(export, len(found.rows)) if more else ""
    lines = (rows.log_row(line) for line in found.rows)
    part = files.part_of(export.form, lines, first=export.file_bytes == 0, note=note)
    with files.opened(export) as file:
        # Whoever took over while we searched may have written more than we know of.
        if not _told(export, lease_until=datetime.now(UTC) + _LEASE):
            return None
        end = files.append(file, export.file_bytes, part)
        return _counted(export, found, end, note)


def _counted(export: LogExport, found: Found[LogLine], end: int, note: str) -> bool | None:
    """Say that the part counts; as `_part`."""
    ended: dict[str, Any] = {}
    if note or found.next is None:
        now = datetime.now(UTC)
        ended = {
            "state": State.DONE, "finished_at": now, "expires_at": now + KEPT, "lease": None,
            "truncated": bool(note),
        }  # fmt: skip
    reached = found.next.id if found.next is not None else export.reached
    if not _told(
        export, rows=export.rows + len(found.rows), file_bytes=end, reached=reached, attempts=0,
        lease_until=datetime.now(UTC) + _LEASE, **ended,
    ):  # fmt: skip
        return None
    if ended:
        logger.info("A log export is done", extra={"export": str(export.pk), "rows": export.rows})
    return bool(ended)


def _limit(export: LogExport, added: int) -> str:
    """Which limit is reached with these rows, in words; "" for none."""
    if export.rows + added >= MOST_ROWS:
        return f"The export ends after {MOST_ROWS} lines."
    if export.file_bytes >= MOST_BYTES:
        return f"The export ends after {MOST_BYTES} bytes."
    return "" if files.roomy() else "The export ends here: the disk is nearly full."


def _told(export: LogExport, **changes: Any) -> bool:
    """Write it down, if the export is still ours."""
    ours = LogExport.objects.filter(pk=export.pk, lease=export.lease, state=State.RUNNING)
    if not ours.update(**changes):
        return False
    for name, value in changes.items():
        setattr(export, name, value)
    return True


def _stumbled(export: LogExport, why: str) -> bool:
    if export.attempts < _MOST_ATTEMPTS:
        logger.warning("A log export is tried again later", extra={"export": str(export.pk)})
        # Left to its lease: the next try comes a while later.
        return False
    failed = {"state": State.FAILED, "error": why[:300], "finished_at": datetime.now(UTC)}
    if _told(export, **failed, lease=None):
        logger.error("A log export failed", extra={"export": str(export.pk), "why": why})
        files.remove(export)
    return True


def _filter(export: LogExport) -> LogFilter:
    asked = export.query
    return LogFilter(
        service=asked.get("service", ""),
        level=asked.get("level", ""),
        text=asked.get("text", ""),
        trace_id=uuid.UUID(hex=asked["trace"]) if asked.get("trace") else None,
        attrs=tuple((name, value) for name, value in asked.get("attr", [])),
        request_id=asked.get("request", ""),
    )
