"""Bookings: seats are taken from the stock in one transaction."""

import json
import random
from typing import Final

import requests
from django.db import connection, transaction
from django.db.models import F, Sum
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from opentelemetry import trace

from examples.shop import business, environment, faults, mail
from examples.shop.models import Booking, Event

_tracer: Final = trace.get_tracer("examples.shop")


class PaymentError(RuntimeError):
    """The payment provider did not answer as it should (planted by `error_burst`)."""


@csrf_exempt
@require_POST
def create(request: HttpRequest) -> JsonResponse:
    """POST /bookings {event_id, seats, customer}: 201 with what remains, 409 when sold out."""
    try:
        order = json.loads(request.body)
        event_id, seats = int(order["event_id"]), int(order["seats"])
        customer = str(order["customer"])[:40]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"error": "event_id, seats and customer are needed"}, status=400)
    if not 1 <= seats <= 10:
        return JsonResponse({"error": "1 to 10 seats can be booked"}, status=400)
    with business.booking_attempt(event_id, seats, customer) as fields:
        booking = _take(event_id, seats, customer)
        fields["status"] = "failure" if booking is None else "success"
        if booking is None:
            fields["reason"] = "sold_out"
            return JsonResponse({"error": "sold out"}, status=409)
        fields["booking_id"] = booking.pk
        mail.confirm(booking.pk)
    return JsonResponse({"id": booking.pk, "remaining": _note_stock(event_id)}, status=201)


def _take(event_id: int, seats: int, customer: str) -> Booking | None:
    """The booking, or None when the stock does not hold that many (or there is no such event)."""
    # The SDK sees statements; that they belong together only we can say.
    with _tracer.start_as_current_span("transaction"), transaction.atomic():
        return _in_transaction(event_id, seats, customer)


def _in_transaction(event_id: int, seats: int, customer: str) -> Booking | None:
    if faults.is_on("lock_wait"):
        _lock_one_for_all()
    # Guarded, so that two last tickets are never sold three times.
    enough = Event.objects.filter(pk=event_id, remaining__gte=seats)
    if not enough.update(remaining=F("remaining") - seats):
        return None
    if faults.is_on("error_burst") and random.random() < 0.3:
        raise PaymentError("payment provider answered 502")
    if faults.is_on("idle_in_transaction"):
        requests.get(f"{environment.inventory_url}/seats/{event_id}?careful=1", timeout=5)
    return Booking.objects.create(event_id=event_id, seats=seats, customer=customer)


def _lock_one_for_all() -> None:
    """Every booking waits for the one before it, whatever it books."""
    Event.objects.select_for_update().order_by("pk")[:1].get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.25)")


def _note_stock(event_id: int) -> int:
    event = Event.objects.only("category", "remaining").get(pk=event_id)
    left = Event.objects.filter(category=event.category).aggregate(left=Sum("remaining"))["left"]
    business.remaining(event.category, left)
    return event.remaining


@csrf_exempt
@require_POST
def restock(_request: HttpRequest, event_id: int) -> JsonResponse:
    """POST /events/{id}/restock: the house opens again, so that a demo never sells out for good."""
    done = Event.objects.filter(pk=event_id).update(remaining=F("seats"))
    business.log.info("event_restocked", extra={"event_id": event_id})
    return JsonResponse({"restocked": bool(done)}, status=200 if done else 404)
