"""Who collects what now: due rows are claimed and results kept, each in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from apps.monitoring.collectors.base import Collector

# The clock ticks every five seconds, never to the millisecond.
_EARLY_S: Final = 1.0
_CLAIM: Final = """
WITH wanted AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(targets)s::text[], %(intervals)s::float8[])
        AS w(kind, target, interval_s)
), made AS (
    INSERT INTO monitoring_collectorstate
        (kind, target, status, since, error, detail, interval_s, due_at)
    SELECT kind, target, 'unknown', now(), '', '', interval_s,
        now() + make_interval(secs => interval_s - %(early)s)
    FROM wanted w WHERE NOT EXISTS (
        SELECT 1 FROM monitoring_collectorstate s WHERE s.kind = w.kind AND s.target = w.target)
    ON CONFLICT DO NOTHING RETURNING kind, target
), due AS (
    SELECT s.id, s.due_at, w.interval_s FROM monitoring_collectorstate s
    JOIN wanted w ON w.kind = s.kind AND w.target = s.target
    -- A changed interval counts at once, not after the old one has passed.
    WHERE s.due_at <= now() OR s.interval_s <> w.interval_s
    FOR UPDATE OF s SKIP LOCKED
), gone AS (
    -- Hosts and probes that are no more.
    DELETE FROM monitoring_collectorstate s WHERE s.due_at < now() - interval '7 days'
    AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.kind = s.kind AND w.target = s.target)
), claimed AS (
    UPDATE monitoring_collectorstate s
    SET due_at = now() + make_interval(secs => d.interval_s - %(early)s),
        interval_s = d.interval_s
    FROM due d WHERE s.id = d.id
    RETURNING s.kind, s.target, extract(epoch FROM now() - d.due_at)::float8
)
SELECT kind, target, 0::float8 FROM made UNION ALL SELECT * FROM claimed"""
_KEEP: Final = """
UPDATE monitoring_collectorstate s SET
    since = CASE WHEN s.status = v.status THEN s.since ELSE now() END,
    status = v.status, error = v.error, duration_ms = v.duration_ms, last_run = now(),
    detail = CASE WHEN v.status = 'ok' THEN v.detail ELSE s.detail END,
    last_ok = CASE WHEN v.status = 'ok' THEN now() ELSE s.last_ok END
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float8[])
    AS v(kind, target, status, error, detail, duration_ms)
WHERE s.kind = v.kind AND s.target = v.target"""


@dataclass(frozen=True)
class Result:
    """How one run ended. `duration_ms` is None while it has not ended."""

    collector: Collector
    status: str
    error: str = ""
    detail: str = ""
    duration_ms: float | None = None


def claim(collectors: Sequence[Collector]) -> list[tuple[Collector, float]]:
    """Those that are due and ours to run, with the seconds they are late.

    A second caller at the same moment, in any process, gets none of them.
    """
    by_key = {collector.key: collector for collector in collectors}
    if not by_key:
        return []
    parameters: dict[str, Any] = {
        "kinds": [kind for kind, _ in by_key],
        "targets": [target for _, target in by_key],
        "intervals": [collector.interval_s for collector in by_key.values()],
        "early": _EARLY_S,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        return [
            (by_key[kind, target], max(late_s - _EARLY_S, 0.0))
            for kind, target, late_s in cursor.fetchall()
        ]


def keep(results: Sequence[Result]) -> None:
    """Write down how runs ended."""
    if not results:
        return
    columns: list[Any] = [
        [r.collector.kind for r in results],
        [r.collector.target for r in results],
        [r.status for r in results],
        [r.error for r in results],
        [r.detail[:200] for r in results],
        [r.duration_ms for r in results],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, columns)
