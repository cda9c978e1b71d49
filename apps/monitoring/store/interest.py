"""Which traces are worth keeping: the judgement, as SQL over one range of spans.

The same judgement serves the preview and the real thing. The policies mirror the tail sampling
processor of the OpenTelemetry collector, but decide after storing: late spans are in.

The consistent share compares the low 56 bits of the trace id, which W3C trace context level 2 says
are random, with a threshold, as OpenTelemetry's consistent probability sampling does: whoever else
samples with that rule keeps the same traces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntFlag
from typing import Any, Final

import psycopg
from psycopg import sql


class Reason(IntFlag):
    """Why a trace is kept; the bits of `tm_span.kept`. `SHARE` only where nothing else holds."""

    ERROR = 1
    SLOW = 2
    PINNED = 4
    FIRST_SEEN = 8
    ATTRIBUTE = 16
    HELD = 32
    SHARE = 64


# A trace that runs across midnight is judged by its spans of the day before and after, too.
REACH: Final = timedelta(days=1)
_RANDOM_BITS: Final = 56


@dataclass(frozen=True)
class Interest:
    """What is of interest.

    `slow_quantile` is of the durations of one route in one hour; `attributes` are (key, value)
    with None for any value; `share` in [0, 1] of what nothing else keeps.
    """

    errors: bool = True
    slow_quantile: float | None = 0.99
    slow_us: int | None = None
    first_seen: bool = True
    attributes: tuple[tuple[str, str | None], ...] = ()
    share: float = 0.05

    @property
    def threshold(self) -> int:
        """The least random value that is in the share."""
        return round((1.0 - self.share) * float(1 << _RANDOM_BITS))


# What is left when the retention of spans ends: pins and holds.
ONLY_HELD: Final = Interest(
    errors=False, slow_quantile=None, slow_us=None, first_seen=False, share=0.0
)


@dataclass(frozen=True)
class Held:
    """A range of time in which nothing of a service ("" for all) may go."""

    service: str
    start: datetime
    end: datetime


_LINES: Final = """
CREATE TEMP TABLE slow_line ON COMMIT DROP AS
SELECT r.service, s.name_id, date_trunc('hour', s.ts) AS hour,
       percentile_disc(%(quantile)s) WITHIN GROUP (ORDER BY s.dur_us) AS us
FROM tm_span s JOIN tm_resource r ON r.id = s.resource_id
WHERE %(quantile)s::float8 IS NOT NULL AND s.ts >= %(low)s AND s.ts < %(far)s
  AND s.weight IS NULL AND (s.parent_id IS NULL OR s.kind IN (2, 5))
GROUP BY 1, 2, 3
"""
_NEW_OPERATIONS: Final = """
CREATE TEMP TABLE new_operation ON COMMIT DROP AS
SELECT r.service, s.name_id, min(s.ts) AS ts
FROM tm_span s JOIN tm_resource r ON r.id = s.resource_id
WHERE %(first_seen)s AND s.ts >= %(low)s AND s.ts < %(far)s AND s.weight IS NULL
  AND NOT EXISTS (SELECT FROM tm_operation o
                  WHERE o.service = r.service AND o.name_id = s.name_id)
GROUP BY 1, 2
"""
# Only rows nobody judged yet are judged; a trace that was kept before stays whole.
_JUDGED: Final = """
CREATE TEMP TABLE verdict ON COMMIT DROP AS
WITH span AS (
  SELECT s.*, r.service FROM tm_span s JOIN tm_resource r ON r.id = s.resource_id
  WHERE s.ts >= %(before)s AND s.ts < %(far)s
    AND s.trace_id IN (SELECT trace_id FROM tm_span
                       WHERE ts >= %(low)s AND ts < %(high)s AND {few})
), judged AS (
  SELECT s.trace_id,
    count(*) FILTER (WHERE s.ts >= %(low)s AND s.ts < %(high)s) AS spans,
    max(s.weight) AS weight_before,
    coalesce(bit_or(s.kept), 0) & 127 AS kept_before,
    bit_or(CASE WHEN %(errors)s AND s.status = 2 THEN 1 ELSE 0 END
      | CASE WHEN (s.parent_id IS NULL OR s.kind IN (2, 5))
             AND (s.dur_us > l.us OR s.dur_us >= %(slow_us)s::int8) THEN 2 ELSE 0 END
      | CASE WHEN o.ts IS NOT NULL THEN 8 ELSE 0 END
      | CASE WHEN cardinality(%(keys)s::text[]) > 0 AND EXISTS (
             SELECT FROM unnest(%(keys)s::text[], %(values)s::text[]) AS wanted (key, value)
             WHERE s.attrs ? wanted.key
               AND (wanted.value IS NULL OR s.attrs ->> wanted.key = wanted.value))
             THEN 16 ELSE 0 END
      | CASE WHEN cardinality(%(held)s::text[]) > 0 AND EXISTS (
             SELECT FROM unnest(%(held)s::text[], %(held_from)s::timestamptz[],
                                %(held_to)s::timestamptz[]) AS hold (service, low, high)
             WHERE (hold.service = '' OR hold.service = s.service)
               AND s.ts >= hold.low AND s.ts < hold.high) THEN 32 ELSE 0 END
    ) FILTER (WHERE s.weight IS NULL OR %(again)s) AS reasons
  FROM span s
  LEFT JOIN slow_line l ON l.service = s.service AND l.name_id = s.name_id
                       AND l.hour = date_trunc('hour', s.ts)
  LEFT JOIN new_operation o ON o.service = s.service AND o.name_id = s.name_id AND o.ts = s.ts
  GROUP BY s.trace_id
), told AS (
  SELECT j.trace_id, j.spans, j.weight_before, j.kept_before,
         coalesce(j.reasons, 0) | CASE WHEN EXISTS (
           SELECT FROM tm_pin p WHERE p.trace_id = j.trace_id AND p.until > %(now)s)
         THEN 4 ELSE 0 END AS reasons,
         ('x' || right(replace(j.trace_id::text, '-', ''), 14))::bit(56)::int8 >= %(threshold)s
           AS chosen
  FROM judged j
)
SELECT trace_id, spans,
  (CASE WHEN reasons = 0 AND weight_before IS NULL AND chosen THEN 64
        WHEN %(again)s THEN reasons ELSE reasons | kept_before END)::int2 AS kept,
  (CASE WHEN %(again)s AND reasons = 0 THEN NULL
        WHEN weight_before IS NOT NULL THEN weight_before
        WHEN reasons <> 0 THEN 1
        WHEN chosen THEN 1 / %(share)s::float8 END)::real AS weight
FROM told
"""


def judge(
    cursor: "psycopg.Cursor[Any]",
    low: datetime,
    high: datetime,
    interest: Interest,
    *,
    now: datetime,
    held: Sequence[Held] = (),
    fraction: float = 1.0,
    again: bool = False,
) -> None:
    """Judge every trace with a span in [low, high): fills the temporary table `verdict`.

    Its rows: trace_id, spans (in the range), kept (Reason), weight (None: not kept). With `again`
    rows judged before are judged once more, on pins and holds. `fraction` judges so many of
    the traces. The tables last until the transaction ends.
    """
    asked = {
        "low": low, "high": high, "before": low - REACH, "far": high + REACH, "now": now,
        "errors": interest.errors, "quantile": interest.slow_quantile,
        "slow_us": interest.slow_us, "first_seen": interest.first_seen,
        "keys": [key for key, _ in interest.attributes],
        "values": [value for _, value in interest.attributes],
        "held": [hold.service for hold in held], "held_from": [hold.start for hold in held],
        "held_to": [hold.end for hold in held], "again": again,
        "threshold": interest.threshold, "share": interest.share or 1.0,
    }  # fmt: skip
    # Other bits than those of the share: a part of the traces holds its share of the share.
    few = (
        sql.SQL("true")
        if fraction >= 1
        else sql.SQL("(uuid_hash(trace_id) & 65535) < {}").format(
            sql.Literal(max(1, round(fraction * 65536)))
        )
    )
    cursor.execute("DROP TABLE IF EXISTS slow_line, new_operation, verdict")
    cursor.execute(_LINES, asked)
    cursor.execute(_NEW_OPERATIONS, asked)
    cursor.execute("ANALYZE slow_line; ANALYZE new_operation")
    cursor.execute(sql.SQL(_JUDGED).format(few=few), asked)
    cursor.execute("CREATE INDEX ON verdict (trace_id); ANALYZE verdict")
