"""The inventory service: which seats are free. Called by the shop, traced as its child."""

import logging
import random
import time

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.http import require_GET

from examples.shop import faults
from examples.shop.models import Event
from examples.shop.urls import alive

log = logging.getLogger("inventory")


@require_GET
def seats(request: HttpRequest, event_id: int) -> JsonResponse:
    """GET /seats/{event_id}: how many seats are left."""
    if faults.is_on("slow_downstream"):
        time.sleep(random.uniform(0.6, 1.2))
    if "careful" in request.GET:
        # A check with the house itself; only the fault `idle_in_transaction` asks for it.
        time.sleep(0.35)
    event = get_object_or_404(Event.objects.only("remaining"), pk=event_id)
    log.info("seats_checked", extra={"event_id": event_id, "available": event.remaining})
    return JsonResponse({"event_id": event_id, "available": event.remaining})


urlpatterns = [path("health", alive), path("seats/<int:event_id>", seats)]
