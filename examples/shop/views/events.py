"""Events: the list, one event with its live seats, its price history."""

import logging
from datetime import timedelta
from typing import Any

import requests
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from examples.shop import environment, faults, quotes
from examples.shop.models import Event

log = logging.getLogger("shop")
_PAGE = 30
_sessions = requests.Session()
# Each day as a candle: what it closed at is one more look into the same index.
_PRICES = """
    SELECT d.day, d.low, d.high, d.mean, c.cents AS close
    FROM (
        SELECT date_trunc('day', at) AS day, min(cents) AS low, max(cents) AS high,
               avg(cents) AS mean
        FROM shop_price WHERE event_id = %s AND at >= %s GROUP BY 1
    ) d
    LEFT JOIN LATERAL (
        SELECT cents FROM shop_price
        WHERE event_id = %s AND at >= d.day AND at < d.day + interval '1 day'
        ORDER BY at DESC LIMIT 1
    ) c ON true
    ORDER BY d.day
"""
_BOOKINGS = """
    SELECT e.category, count(*) AS bookings, sum(b.seats) AS seats
    FROM shop_booking b JOIN shop_event e ON e.id = b.event_id GROUP BY e.category
"""


def _number(request: HttpRequest, name: str, default: int, most: int) -> int:
    raw = request.GET.get(name, "")
    return min(int(raw), most) if raw.isascii() and raw.isdigit() else default


@require_GET
def listing(request: HttpRequest) -> JsonResponse:
    """GET /events?category=&q=&page=: one page of coming events."""
    found = Event.objects.filter(starts_at__gte=timezone.now()).order_by("starts_at")
    if category := request.GET.get("category"):
        found = found.filter(category=category)
    if text := request.GET.get("q"):
        found = found.filter(title__icontains=text[:40])
    if not faults.is_on("n_plus_1"):
        found = found.select_related("venue")
    start = _number(request, "page", 0, 1000) * _PAGE
    page = found[start : start + _PAGE]
    answer: dict[str, Any] = {"events": [_brief(event) for event in page]}
    if faults.is_on("cacheable"):
        answer["bookings"] = _rows(_BOOKINGS, [])
    return JsonResponse(answer)


def _brief(event: Event) -> dict[str, Any]:
    return {
        "id": event.pk,
        "title": event.title,
        "category": event.category,
        "venue": event.venue.name,
        "city": event.venue.city,
        "starts_at": event.starts_at,
    }


@require_GET
def detail(_request: HttpRequest, event_id: int) -> JsonResponse:
    """GET /events/{id}: the event, and its seats as the inventory service sees them."""
    event = get_object_or_404(Event.objects.select_related("venue"), pk=event_id)
    seats: int | None = None
    try:
        answer = _sessions.get(f"{environment.inventory_url}/seats/{event_id}", timeout=3)
        answer.raise_for_status()
        seats = answer.json()["available"]
    except requests.RequestException as error:
        log.warning(
            "inventory_unavailable",
            extra={"event_id": event_id, "error_type": type(error).__name__},
        )
    return JsonResponse({**_brief(event), "seats": event.seats, "available": seats})


@require_GET
def prices(request: HttpRequest, event_id: int) -> JsonResponse:
    """GET /events/{id}/prices?days=: one point a day, as a chart wants it."""
    since = timezone.now() - timedelta(days=_number(request, "days", 30, 60))
    points = _rows(_PRICES, [event_id, since, event_id])
    return JsonResponse({"event_id": event_id, "points": points})


@require_GET
def quote(request: HttpRequest, event_id: int) -> JsonResponse:
    """GET /events/{id}/quote?seats=: what some seats cost now."""
    seats = _number(request, "seats", 1, 10)
    return JsonResponse({"event_id": event_id, "cents": quotes.quote(event_id, seats)})


def _rows(statement: str, parameters: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
