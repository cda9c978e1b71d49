"""The figures the business looks at, as OpenTelemetry metrics, and its log events."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import metrics

log = logging.getLogger("shop")
_meter = metrics.get_meter("Ticketing/Bookings")
_attempts = _meter.create_counter("booking.attempts", "{booking}", "Bookings tried")
_latency = _meter.create_histogram("booking.latency", "ms", "Time to take a booking")
_remaining = _meter.create_gauge("tickets.remaining", "{ticket}", "Stock left of a category")


def remaining(category: str, tickets: int) -> None:
    """Note the stock that is left in one category of events."""
    _remaining.set(tickets, {"event.category": category})


@contextmanager
def booking_attempt(event_id: int, seats: int, customer: str) -> Iterator[dict[str, object]]:
    """Count and log one attempt. The body puts its `status` into the yielded fields."""
    fields: dict[str, object] = {"event_id": event_id, "seats": seats, "customer": customer}
    log.info("booking_attempt", extra=fields)
    begun = time.perf_counter()
    try:
        yield fields
    except Exception as error:
        fields["status"] = "failure"
        log.exception("booking_failed", extra={**fields, "error_type": type(error).__name__})
        raise
    else:
        if fields["status"] == "success":
            log.info("booking_success", extra=fields)
        else:
            log.warning("booking_failed", extra=fields)
    finally:
        status = {"booking.status": str(fields.get("status", "failure"))}
        _attempts.add(1, status)
        _latency.record((time.perf_counter() - begun) * 1000, status)
