"""What becomes of days of spans and log lines that are over; one bounded run after the other."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg
from django.conf import settings

from apps.monitoring import recorder
from apps.monitoring.services import logkeeping, sampling
from apps.monitoring.store import connect, logtiers, partitions, thinning
from apps.monitoring.store.partitions import Partitioned

logger = logging.getLogger(__name__)

_LOCK_KEY: Final = 0x6B65_6570  # "keep"
# Days moved in one run; a backlog takes several runs rather than one that never ends.
_MOST: Final = 4
Connection = psycopg.Connection[Any]
Day = tuple[str, datetime]


@dataclass
class Kept:
    """What one run did: partitions by verb, and those left for a later run with the reason."""

    done: dict[str, list[str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def attempt(self, verb: str, name: str, act: Callable[[], object]) -> None:
        """Do one step; what fails is left for the next run."""
        try:
            act()
        except thinning.BehindError as error:
            self.left[name] = str(error)
        except (psycopg.Error, OSError) as error:
            self.left[name] = str(error).strip()
            recorder.count("pharos.keep.failures", unit="{day}", attrs={"step": verb})
            logger.warning("%s of %s waits for the next run: %s", verb, name, error)
        else:
            recorder.count("pharos.keep.days", unit="{day}", attrs={"step": verb})
            self.done.setdefault(verb, []).append(name)


def keep(now: datetime | None = None) -> Kept | None:
    """Move days that are over one step on; None when another run is at it."""
    now = now or datetime.now(UTC)
    report = Kept()
    with connect.open_connection("pharos-keep", 60, autocommit=True) as raw:
        row = raw.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchone()
        if not (row and row[0]):
            return None
        _spans(raw, now, report)
        _logs(raw, now, report)
    return report


def _finish_drops(raw: Connection, table: Partitioned, report: Kept) -> None:
    """A drop that was begun and cut short leaves its partition pending or detached."""
    for name, state in partitions.children(raw, table):
        if state != "attached":
            report.attempt("drop", name, partial(partitions.drop, raw, table, name, state))


def _spans(raw: Connection, now: datetime, report: Kept) -> None:
    plan = sampling.plan()
    _finish_drops(raw, thinning.SPANS, report)
    for name, start in thinning.due(raw, plan, now)[:_MOST]:
        report.attempt("thin", name, partial(_thin, raw, name, start, now))
    for name, start in thinning.expired(raw, plan, now)[:_MOST]:
        report.attempt("release", name, partial(_release, raw, name, start, now))


def _thin(raw: Connection, name: str, start: datetime, now: datetime) -> None:
    # Asked anew: the day before may have taken half an hour, and somebody may have set a hold.
    plan = sampling.plan()
    if plan.interest is not None:
        thinning.thin(raw, name, start, plan, now)


def _release(raw: Connection, name: str, start: datetime, now: datetime) -> None:
    thinning.release(raw, name, start, sampling.plan(), now)


def _logs(raw: Connection, now: datetime, report: Kept) -> None:
    _finish_drops(raw, logtiers.LOGS, report)
    cold = _older(logtiers.hot(raw), logtiers.LOGS, now - logtiers.LOGS.keep())
    for name, start in cold[:_MOST]:
        due = logtiers.LOGS.after(start) + logtiers.LOGS.keep()
        if partitions.waits(raw, logtiers.LOGS, start, due, now):
            report.left[name] = "its rows are not rolled up yet"
            continue
        report.attempt("compress", name, partial(logtiers.compress, raw, name, start))
    until = now - timedelta(days=settings.PHAROS_LOG_ARCHIVE_DAYS)
    # They come first and stay: they must not use up the run.
    staying = logkeeping.staying(now)
    old = _older(logtiers.compressed(raw), logtiers.BLOCKS, until)
    for name, start in [day for day in old if day[1].date() not in staying][:_MOST]:
        report.attempt("archive", name, partial(logkeeping.archive, raw, name, start, now))
    for archived in logkeeping.overdue(now)[:_MOST]:
        report.attempt("delete", str(archived), partial(logkeeping.delete, archived, now))


def _older(days: Sequence[Day], table: Partitioned, until: datetime) -> list[Day]:
    return [(name, start) for name, start in days if table.after(start) <= until]
