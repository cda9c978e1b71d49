"""The journal of minutes, hours and days whose rows their rollups have not seen: `tm_dirty`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from apps.monitoring.store import connect

_WAITS: Final = """
SELECT EXISTS (SELECT FROM unnest(%s::int2[], %s::timestamptz[]) AS d(kind, until)
                JOIN tm_dirty j ON j.kind = d.kind AND j.bucket <= d.until)
"""


def waits(kinds: Mapping[int, timedelta], now: datetime) -> bool:
    """Whether a bucket of these kinds began so long ago that it may be folded.

    Asked before the work, which takes a connection, locks and a dozen questions: a minute is folded
    once, and looked for four times. Raises psycopg.Error.
    """
    until = [now - after for after in kinds.values()]
    ((found,),) = connect.ask(_WAITS, [list(kinds), until])
    return bool(found)
