"""Reason: it is not the time for it."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

import structlog
from django.utils.translation import gettext as _

from apps.alerts.machine import Severity
from apps.alerts.matchers import Matcher, all_match
from apps.alerts.models import MuteWindow
from apps.alerts.suppression.verdict import Case, Hearing, Kind, Suppression
from apps.core.errors import InvalidInputError

log = structlog.get_logger(__name__)
_Rows = list[tuple[MuteWindow, tuple[Matcher, ...]]]


def found(hearing: Hearing) -> dict[UUID, Suppression]:
    """Alerts inside a mute window, or outside of every window they page in."""
    rows = _windows(hearing.route)
    # One reading of the calendar for all cases.
    ends = {row.pk: row.times.end_of(hearing.at) for row, _matchers in rows}
    verdicts: dict[UUID, Suppression] = {}
    for case in hearing.cases:
        verdict = _verdict(case, rows, ends, hearing.at)
        if verdict is not None:
            verdicts[case.episode.pk] = verdict
    return verdicts


def _windows(route: Any) -> _Rows:
    rows: _Rows = []
    for row in MuteWindow.objects.filter(enabled=True).prefetch_related("routes"):
        routes = {one.pk for one in row.routes.all()}
        if routes and (route is None or route.pk not in routes):
            continue
        try:
            matchers = row.matchers if row.times else ()
            rows.append((row, matchers))
        except (InvalidInputError, ZoneInfoNotFoundError, ValueError):
            log.warning("mute_window_unreadable", mute_window=row.pk)
    return rows


def _verdict(
    case: Case, rows: _Rows, ends: dict[int, datetime | None], at: datetime
) -> Suppression | None:
    critical = case.episode.severity == Severity.CRITICAL
    concerned = [
        row
        for row, matchers in rows
        if (row.critical_too or not critical) and all_match(matchers, case.labels)
    ]
    muting = [(end, row) for row in concerned if not row.only_inside and (end := ends[row.pk])]
    if muting:
        end, row = max(muting, key=lambda one: (one[0], one[1].pk))
        return _suppression(row, end)
    paging = [row for row in concerned if row.only_inside]
    if not paging or any(ends[row.pk] for row in paging):
        return None
    begins = [(begin, row) for row in paging if (begin := row.times.begins_after(at))]
    if not begins:
        return _suppression(paging[0], None)
    begin, row = min(begins, key=lambda one: (one[0], one[1].pk))
    return _suppression(row, begin)


def _suppression(row: MuteWindow, until: datetime | None) -> Suppression:
    words = (
        _("Pages only inside the window %(name)s") if row.only_inside else _("Muted by %(name)s")
    )
    return Suppression(Kind.MUTED, f"mute_window:{row.pk}", words % {"name": row.name}, until)
