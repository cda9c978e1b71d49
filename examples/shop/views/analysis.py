"""An expensive report, cached; the fault `stampede` lets everyone compute it at once."""

import logging
import time

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from examples.shop import faults

log = logging.getLogger("shop")
_KEY, _LOCK = "demand", "demand.lock"
_FRESH_S, _UNGUARDED_FRESH_S, _STALE_S, _LOCK_S = 20, 2, 600, 10

_DEMAND = """
    SELECT e.category, v.city, count(*) AS bookings, sum(b.seats) AS seats,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY b.seats) AS median_seats,
           count(DISTINCT b.customer) AS customers
    FROM shop_booking b
    JOIN shop_event e ON e.id = b.event_id
    JOIN shop_venue v ON v.id = e.venue_id
    GROUP BY GROUPING SETS ((e.category, v.city), (e.category), ())
    ORDER BY 1, 2
"""


@require_GET
def demand(_request: HttpRequest) -> JsonResponse:
    """GET /analysis/demand: bookings by category and city, at most 20 s old."""
    # With the fault on it is short-lived and unguarded: all requests of a moment compute at once.
    unguarded = faults.is_on("stampede")
    stored = cache.get(_KEY)
    fresh_s = _UNGUARDED_FRESH_S if unguarded else _FRESH_S
    if stored is not None and time.time() - stored["at"] <= fresh_s:
        return JsonResponse(stored)
    # Otherwise one computes; the others take the old answer, or wait for the first one.
    if unguarded or cache.add(_LOCK, 1, _LOCK_S):
        stored = _compute()
        cache.delete(_LOCK)
    return JsonResponse(stored or _wait_for_it() or _compute())


def _wait_for_it() -> dict[str, object] | None:
    """What another request is computing; None when that takes longer than 2 s."""
    for _ in range(20):
        time.sleep(0.1)
        if stored := cache.get(_KEY):
            return stored
    return None


def _compute() -> dict[str, object]:
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_DEMAND)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    report: dict[str, object] = {"at": time.time(), "rows": rows}
    cache.set(_KEY, report, _STALE_S)
    took_ms = round((time.perf_counter() - begun) * 1000)
    log.info("demand_computed", extra={"rows": len(rows), "took_ms": took_ms})
    return report
