"""What becomes of days of spans and log lines that are over; one bounded run after the other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from apps.monitoring.services import sampling
from apps.monitoring.store import connect, partitions, thinning

logger = logging.getLogger(__name__)

_LOCK_KEY: Final = 0x6B65_6570  # "keep"
# Days moved in one run; a backlog takes several runs rather than one that never ends.
_MOST: Final = 4
Connection = psycopg.Connection[Any]


@dataclass
class Kept:
    """What one run did: partitions by verb, and those left for a later run with the reason."""

    done: dict[str, list[str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def attempt(self, verb: str, name: str, act: Callable[[], object]) -> None:
        """Do one step; what fails is left for the next run."""
        try:
            act()
        except (psycopg.Error, OSError) as error:
            self.left[name] = str(error).strip()
            logger.warning("%s of %s waits for the next run: %s", verb, name, error)
        else:
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
    return report


def _spans(raw: Connection, now: datetime, report: Kept) -> None:
    plan = sampling.plan()
    for name, state in partitions.children(raw, thinning.SPANS):
        if state != "attached":
            # Its drop was begun and not finished.
            report.attempt(
                "drop", name, lambda n=name, s=state: partitions.drop(raw, thinning.SPANS, n, s)
            )
    for name, start in thinning.due(raw, plan, now)[:_MOST]:
        if partitions.behind(raw, thinning.SPANS, start):
            report.left[name] = "its spans are not rolled up yet"
            continue
        report.attempt("thin", name, lambda n=name, s=start: thinning.thin(raw, n, s, plan, now))
    for name, start in thinning.expired(raw, plan, now)[:_MOST]:
        if partitions.behind(raw, thinning.SPANS, start):
            report.left[name] = "its spans are not rolled up yet"
            continue
        report.attempt(
            "release", name, lambda n=name, s=start: thinning.release(raw, n, s, plan, now)
        )
