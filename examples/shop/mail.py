"""Confirmations by mail: a queue in Redis, and the one worker that empties it.

Spans follow OpenTelemetry's conventions for messaging: the job is a child of the booking's request.
"""

import json
import threading
import time
from typing import Any

import redis
from opentelemetry import propagate, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind

from examples.shop import environment, faults

QUEUE = "shop:confirmations"
# Nobody wants a confirmation this late; a fault must not fill the memory of Redis.
_MOST_WAITING = 200
_BUSY_S, _SLOW_S = 0.02, 1.5
_TOLD = {"messaging.system": "redis", "messaging.destination.name": "confirmations"}
_tracer = trace.get_tracer("examples.shop")
_redis = redis.Redis.from_url(environment.redis_url)


def confirm(booking_id: int) -> None:
    """Have the mail sent, later."""
    with _tracer.start_as_current_span(
        "send confirmations", kind=SpanKind.PRODUCER, attributes=_TOLD
    ):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        with suppress_instrumentation():
            _redis.lpush(QUEUE, json.dumps({"booking": booking_id, "headers": carrier}))
            _redis.ltrim(QUEUE, 0, _MOST_WAITING - 1)


def start_worker() -> None:
    """Empty the queue in a thread of this process."""
    threading.Thread(target=_work, name="mail", daemon=True).start()


def _work() -> None:
    while True:
        try:
            with suppress_instrumentation():
                found = _redis.brpop([QUEUE], timeout=5)
        except redis.RedisError:
            time.sleep(1)
            continue
        if found is not None:
            _send(json.loads(found[1]))


def _send(job: dict[str, Any]) -> None:
    context = propagate.extract(job["headers"])
    with _tracer.start_as_current_span(
        "process confirmations", context=context, kind=SpanKind.CONSUMER, attributes=_TOLD
    ):
        time.sleep(_SLOW_S if faults.is_on("queue_backlog") else _BUSY_S)
