"""Events: the list, one event with its live seats, its price history."""

import logging
from datetime import timedelta
from typing import Any

import requests
from django.db.models import Avg, F, Max, Min
from django.db.models.functions import TruncDay
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from examples.shop import environment, faults
from examples.shop.models import Event, Price

log = logging.getLogger("shop")
_PAGE = 30
_sessions = requests.Session()


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
    return JsonResponse({"events": [_brief(event) for event in page]})


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
    points = (
        Price.objects.filter(event_id=event_id, at__gte=since)
        .annotate(day=TruncDay("at"))
        .values("day")
        .annotate(low=Min("cents"), high=Max("cents"), mean=Avg("cents"))
        .order_by(F("day"))
    )
    return JsonResponse({"event_id": event_id, "points": list(points)})
