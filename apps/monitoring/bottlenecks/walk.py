"""Walks over new traces: every minute with new spans is looked at once more, and only then.

Writers note the minutes of committed spans in tm_dirty. A minute's traces are examined in one
snapshot, its rows replaced, and the notes that were seen deleted, in one transaction: what commits
meanwhile leaves its note for the next walk, and a walk that dies has done nothing.

A minute of a day that was thinned stays as it was seen: what is left of its traces would tell less.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from apps.monitoring import recorder
from apps.monitoring.bottlenecks import detectors, folding, keeping, reading
from apps.monitoring.bottlenecks.finding import examine
from apps.monitoring.models import ExaminedMinute
from apps.monitoring.store import days, journal

logger = logging.getLogger(__name__)

DIRTY_KIND: Final = 8
_LOCK_KEY: Final = 0x626F_7474  # "bott"
# SDKs send spans every few seconds; sooner only means doing the minute again.
SETTLE: Final = timedelta(seconds=10)
_STATEMENT_S: Final = 20
_TAKE: Final = "DELETE FROM tm_dirty WHERE kind = %s AND bucket = %s"
assert detectors.__all__


@dataclass
class Walked:
    """What one walk did; `finished` is False when time ran out before the journal was empty."""

    minutes: int = 0
    passed_over: int = 0
    traces: int = 0
    findings: int = 0
    finished: bool = True


def walk(now: datetime | None = None, budget_s: float = 12.0) -> Walked:
    """Examine every minute with new spans that has ended, the newest first.

    Only one walker works at a time; a second one returns at once.
    """
    now = now or datetime.now(UTC)
    deadline = time.monotonic() + budget_s
    report = Walked()
    if not journal.waits({DIRTY_KIND: reading.MINUTE + SETTLE}, now):
        return report
    with _alone() as alone, days.folding([DIRTY_KIND]) as steady:
        while alone and (minute := _next(now, steady)):
            if time.monotonic() > deadline:
                report.finished = False
                break
            try:
                _examine(minute, steady, report)
            except Exception as error:
                if _passes(error):
                    raise
                # It would fail in every walk, and those before it would never be reached.
                logger.exception("The traces of %s could not be examined", minute)
                recorder.count("pharos.bottlenecks.failures", unit="{minute}")
                _give_up(minute)
    if report.passed_over:
        recorder.count("pharos.bottlenecks.passed_over", report.passed_over, "{minute}")
    return report


def _examine(minute: datetime, steady: days.Days, report: Walked) -> None:
    if days.floor(minute) in steady.whole:
        _one(minute, report)
    else:
        _pass_over(minute, report)


def _passes(error: Exception) -> bool:
    """Whether the next walk may do better: the server was away, or others were at the rows."""
    away = isinstance(error, OperationalError | InterfaceError)
    return away and not isinstance(error.__cause__, QueryCanceled)


def _give_up(minute: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [DIRTY_KIND, minute])


@contextmanager
def _alone() -> Iterator[bool]:
    # Held by the session, so that each transaction's snapshot begins under the lock.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY])
        alone = bool((cursor.fetchone() or (False,))[0])
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK_KEY])


def _next(now: datetime, steady: days.Days) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(bucket) FROM tm_dirty WHERE kind = %s AND bucket <= %s"
            " AND date_bin('1 day', bucket, '2000-01-01+00') = ANY(%s)",
            [DIRTY_KIND, now - reading.MINUTE - SETTLE, list(steady.free)],
        )
        found: datetime | None = (cursor.fetchone() or (None,))[0]
    return found


def _pass_over(minute: datetime, report: Walked) -> None:
    """Forget the note of a minute whose day was thinned or is gone."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_dirty WHERE kind = %s AND bucket = %s", [DIRTY_KIND, minute])
    report.passed_over += 1


def _one(minute: datetime, report: Walked) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_S}s'")
            cursor.execute(_TAKE, [DIRTY_KIND, minute])
        found = reading.read(minute, SETTLE)
        seen = folding.fold(examine(found.traces))
        asked = folding.requests_by_route(found.traces)
        left_out = keeping.keep(minute, seen, asked, found.share)
        _again(found.earlier)
        ExaminedMinute.objects.update_or_create(
            minute=minute,
            defaults={
                "traces": len(found.traces), "spans": found.spans, "share": found.share,
                "examined_at": datetime.now(UTC),
            },
        )  # fmt: skip
    if left_out:
        recorder.count("pharos.bottlenecks.left_out", left_out, "{bottleneck}")
        logger.warning("%s shows %s more bottlenecks than are kept", minute, left_out)
    report.minutes += 1
    report.traces += len(found.traces)
    report.findings += len(seen)


def _again(minutes: set[datetime]) -> None:
    """Have these minutes examined again: traces that began in them have got new spans."""
    if not minutes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tm_dirty (kind, bucket) SELECT %s::int2, unnest(%s::timestamptz[])",
            [DIRTY_KIND, sorted(minutes)],
        )
