"""Choosing exemplars while points are rolled up: the largest of each series in ten minutes.

Done by the roller in the transaction of its minute, so a late point is chosen too and nothing is
chosen twice. Their traces are pinned by `services/exemplars.py`.
"""

from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.monitoring.store.ranges import between

# What a sender calls an exemplar may have no trace, or none that is a trace's id.
_CHOOSE: Final = """
INSERT INTO tm_exemplar (series_id, slot, ts, value, trace_id, span_id)
SELECT DISTINCT ON (series_id, slot) series_id, slot, ts, value, trace_id, span_id
FROM (
    SELECT h.series_id, date_bin('10 min', h.ts, timestamptz '1970-01-01 00:00:00+00') AS slot,
        h.ts, (e ->> 'value')::float8 AS value, (e ->> 'trace_id')::uuid AS trace_id,
        ('x' || (e ->> 'span_id'))::bit(64)::int8 AS span_id
    FROM tm_hist h, LATERAL jsonb_array_elements(h.exemplars) e
    WHERE {} AND h.exemplars IS NOT NULL AND jsonb_typeof(e -> 'value') = 'number'
        AND e ->> 'trace_id' ~ '^[0-9a-f]{{32}}$' AND e ->> 'span_id' ~ '^[0-9a-f]{{16}}$'
        AND e ->> 'trace_id' <> repeat('0', 32)
) x
WHERE slot >= {}
ORDER BY series_id, slot, value DESC, ts
ON CONFLICT (series_id, slot) DO UPDATE SET ts = excluded.ts, value = excluded.value,
    trace_id = excluded.trace_id, span_id = excluded.span_id, pinned = false
WHERE excluded.value > tm_exemplar.value"""


def choose(
    cursor: "psycopg.Cursor[Any]", spans: list[tuple[datetime, datetime]], oldest: datetime
) -> int:
    """Keep the largest exemplars of these minutes of tm_hist; how many are new.

    `oldest`: the start of the oldest partition there is.
    """
    cursor.execute(sql.SQL(_CHOOSE).format(between("ts", spans), sql.Literal(oldest)))
    return cursor.rowcount
