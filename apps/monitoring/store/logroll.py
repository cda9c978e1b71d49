"""Lines counted by the minute: by service and level, and by template.

The writer marks the minutes it put lines into. A run takes a marked minute that has ended, counts
all of it anew, and takes the mark away, all on one snapshot: what commits meanwhile has marks of
its own, and running twice changes nothing. Counts by level are exact. Templates of a minute with
more lines than one run should read are found in an even part of them, multiplied and marked so.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from django.conf import settings
from psycopg import IsolationLevel

from apps.monitoring.logmining.miner import Miner, Template
from apps.monitoring.store import connect, journal, partitions
from apps.monitoring.store.rollups import Rolled

logger = logging.getLogger(__name__)

KIND: Final = 7
_LOCK_KEY: Final = 0x6C6F_6772  # "logr"
_MINUTE: Final = timedelta(minutes=1)
_SETTLE: Final = timedelta(seconds=5)
MOST_READ: Final = 60_000
# Minutes far from each other share nothing but the templates; a run of them is one transaction.
_AT_ONCE: Final = 5

_COUNT: Final = """
INSERT INTO tm_log_1m (bucket, resource_id, level, n)
SELECT %(minute)s, resource_id, (severity + 3) / 4, count(*) FROM tm_log
WHERE ts >= %(minute)s AND ts < %(end)s GROUP BY 2, 3 RETURNING n
"""
# By place, not by chance: the same lines each time.
_READ: Final = """
SELECT r.service, (l.severity + 3) / 4, left(l.body, 1000), l.ts FROM tm_log l
JOIN tm_resource r ON r.id = l.resource_id
WHERE l.ts >= %(minute)s AND l.ts < %(end)s
  AND (%(every)s = 1 OR abs(hashtext(l.ctid::text)::int8) %% %(every)s = 0)
"""
_KEEP: Final = """
INSERT INTO tm_log_template (service, level, text, sample, first_seen, last_seen)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""
_SEEN: Final = """
UPDATE tm_log_template SET text = %s, first_seen = least(first_seen, %s),
  last_seen = greatest(last_seen, %s) WHERE id = %s
"""


@dataclass(slots=True)
class _Tally:
    """How often a template was seen in a minute, and when first and last."""

    first: datetime
    last: datetime
    n: int = 0


def roll_up(now: datetime | None = None, budget_s: float = 10.0) -> Rolled:
    """Count every marked minute that has ended, for at most about `budget_s` seconds.

    Only one works at a time; a second one returns at once.
    """
    now = now or datetime.now(UTC)
    deadline = time.monotonic() + budget_s
    report = Rolled()
    if not journal.waits({KIND: _MINUTE + _SETTLE}, now):
        return report
    with connect.open_connection("pharos-log-roller", 30, autocommit=True) as raw:
        (alone,) = raw.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchone() or (0,)
        if not alone:
            return report
        attached = partitions.attached(raw)
        if "tm_log_1m" not in attached or "tm_log_template_1m" not in attached:
            return report
        oldest = max(attached[table][0] for table in ("tm_log_1m", "tm_log_template_1m"))
        raw.isolation_level = IsolationLevel.REPEATABLE_READ
        while done := _run(raw, now, oldest, report):
            report.buckets += done
            if time.monotonic() > deadline:
                report.finished = False
                logger.warning("Counting log lines is behind; the next run goes on")
                break
    return report


def _run(raw: "psycopg.Connection[Any]", now: datetime, oldest: datetime, report: Rolled) -> int:
    with raw.transaction(), raw.cursor() as cursor:
        # The newest first: that is where people look while a backlog is worked off.
        cursor.execute(
            "SELECT DISTINCT bucket FROM tm_dirty WHERE kind = %s AND bucket <= %s"
            " ORDER BY bucket DESC LIMIT %s",
            [KIND, now - _MINUTE - _SETTLE, _AT_ONCE],
        )
        minutes = [row[0] for row in cursor.fetchall()]
        miner: Miner | None = None
        for minute in minutes:
            if minute >= oldest:
                miner = miner or _miner(cursor)
                report.rows += _fold(cursor, minute, miner)
        if minutes:
            cursor.execute(
                "DELETE FROM tm_dirty WHERE kind = %s AND bucket = ANY(%s)", [KIND, minutes]
            )
        return len(minutes)


def _miner(cursor: "psycopg.Cursor[Any]") -> Miner:
    # Read anew each time: another worker may have been the last to add to them.
    miner = Miner()
    cursor.execute("SELECT id, service, level, text FROM tm_log_template ORDER BY id")
    for row in cursor:
        miner.know(*row)
    return miner


def _fold(cursor: "psycopg.Cursor[Any]", minute: datetime, miner: Miner) -> int:
    span = {"minute": minute, "end": minute + _MINUTE}
    cursor.execute("DELETE FROM tm_log_1m WHERE bucket = %(minute)s", span)
    cursor.execute("DELETE FROM tm_log_template_1m WHERE bucket = %(minute)s", span)
    cursor.execute(_COUNT, span)
    lines: int = sum(row[0] for row in cursor.fetchall())
    every = -(-lines // MOST_READ) or 1
    cursor.execute(_READ, {**span, "every": every})
    tallies = _tallied(cursor, miner)
    _keep(cursor, tallies)
    counts: Counter[int] = Counter()
    for template, tally in tallies.items():
        assert template.id is not None
        counts[template.id] += tally.n * every
    cursor.executemany(
        "INSERT INTO tm_log_template_1m (bucket, template_id, n, estimated)"
        " VALUES (%s, %s, %s, %s)",
        [(minute, template_id, n, every > 1) for template_id, n in sorted(counts.items())],
    )
    return lines


def _tallied(cursor: "psycopg.Cursor[Any]", miner: Miner) -> dict[Template, _Tally]:
    tallies: dict[Template, _Tally] = {}
    for service, level, body, ts in cursor:
        template = miner.find(service, level, body)
        tally = tallies.get(template)
        if tally is None:
            tally = tallies[template] = _Tally(ts, ts)
        tally.n += 1
        if ts < tally.first:
            tally.first = ts
        elif ts > tally.last:
            tally.last = ts
    return tallies


def _keep(cursor: "psycopg.Cursor[Any]", tallies: dict[Template, _Tally]) -> None:
    known = []
    for template, tally in tallies.items():
        if template.id is None:
            cursor.execute(
                _KEEP,
                [template.service, template.level, template.text, template.sample,
                 tally.first, tally.last],
            )  # fmt: skip
            row = cursor.fetchone()
            template.id = row[0] if row else None
        else:
            known.append((template.text, tally.first, tally.last, template.id))
    cursor.executemany(_SEEN, known)


def prune(now: datetime | None = None) -> int:
    """Forget templates that no minute counts any more; how many there were."""
    now = now or datetime.now(UTC)
    kept = timedelta(hours=settings.PHAROS_RETENTION_HOURS["minutes"], days=1)
    with connect.open_connection("pharos-log-roller", 30, autocommit=True) as raw:
        gone = raw.execute(
            "DELETE FROM tm_log_template WHERE id IN (SELECT id FROM tm_log_template"
            " WHERE last_seen < %s LIMIT 20000)",
            [now - kept],
        )
        return gone.rowcount
