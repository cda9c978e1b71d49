"""The shop's routes."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from examples.shop.views import analysis, bookings, events


def alive(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("health", alive),
    path("events", events.listing),
    path("events/<int:event_id>", events.detail),
    path("events/<int:event_id>/prices", events.prices),
    path("events/<int:event_id>/quote", events.quote),
    path("events/<int:event_id>/restock", bookings.restock),
    path("analysis/demand", analysis.demand),
    path("bookings", bookings.create),
]
