"""The one clock of the alert engine: the database's. A worker's own clock decides nothing."""

import time
from datetime import UTC, datetime

import structlog

from apps.alerts import conf
from apps.core.clock import db_now
from apps.monitoring import recorder

__all__ = ["db_now", "may_judge", "skew_s", "tick_at"]
log = structlog.get_logger(__name__)


def tick_at(now: datetime, interval_s: int, offset_s: int) -> datetime:
    """The newest tick at or before `now`: whole intervals since 1970, plus an offset."""
    whole = int((now.timestamp() - offset_s) // interval_s)
    return datetime.fromtimestamp(whole * interval_s + offset_s, UTC)


def skew_s() -> float:
    """How far this process' clock is ahead of the database's; negative: behind.

    Exact to half a round trip, which is taken out.
    """
    before = _own_s()
    theirs = db_now().timestamp()
    return (before + _own_s()) / 2 - theirs


def _own_s() -> float:
    return time.time()


def may_judge() -> bool:
    """Whether this worker's clock is near enough to the database's; tells when it is off.

    Every due time is compared on the database's clock. A worker that is far off all the same reads
    and stamps telemetry wrongly, so it leaves the rules to others.
    """
    off_s = skew_s()
    recorder.gauge("pharos.alerts.clock_skew", off_s, "s")
    if abs(off_s) <= conf.SKEW_REPORTED_S:
        return True
    refused = abs(off_s) > conf.SKEW_REFUSED_S
    log.error("worker_clock_off", skew_s=round(off_s, 3), judges=not refused)
    return not refused
