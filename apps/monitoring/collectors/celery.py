"""Celery's queues in Redis: how many messages wait, and since when the oldest does."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from celery import current_app
from django.conf import settings

from apps.monitoring.collectors.base import Collector, Reading, gauge
from apps.monitoring.collectors.redis import client

LENGTH: Final = gauge("celery.queue.length", "{message}")
AGE: Final = gauge("celery.queue.age", "s")
UNACKED: Final = gauge("celery.messages.unacknowledged", "{message}")
WORKERS: Final = gauge("celery.worker.count", "{worker}")
QUEUES: Final = ("high", "default", "low")
# kombu keeps one list for each priority step of a queue.
_PRIORITIES: Final = ("", "\x06\x163", "\x06\x166", "\x06\x169")


class _Headers(msgspec.Struct):
    pharos_published_s: float | None = None


class _Message(msgspec.Struct):
    headers: _Headers


_decoder: Final = msgspec.json.Decoder(_Message)


def published_s(raw: bytes) -> float | None:
    """When a queued message was sent, in Unix seconds; None when it does not say."""
    try:
        return _decoder.decode(raw).headers.pharos_published_s
    except msgspec.MsgspecError:
        return None


@dataclass(frozen=True)
class Queues(Collector, kind="celery"):
    """The portal's three queues."""

    timeout_s: float = 3.0
    url: str = field(default="", repr=False)

    @classmethod
    def configured(cls) -> "Iterable[Queues]":
        yield cls(target="default", url=str(settings.CACHES["default"]["LOCATION"]))

    def read(self) -> Reading:
        keys = [queue + priority for queue in QUEUES for priority in _PRIORITIES]
        with client(self.url, self.timeout_s / 2) as connection:
            pipe = connection.pipeline(transaction=False)
            for key in keys:
                pipe.llen(key)
                # Sent on the left, taken from the right.
                pipe.lindex(key, -1)
            pipe.hlen("unacked")
            answers = pipe.execute()
        return _figures(answers)


def _figures(answers: list[Any]) -> Reading:
    found = Reading()
    now = time.time()
    each = 2 * len(_PRIORITIES)
    for number, queue in enumerate(QUEUES):
        part = answers[number * each : (number + 1) * each]
        length = sum(part[0::2])
        found.add(LENGTH, length, celery__queue__name=queue)
        sent = [published_s(raw) for raw in part[1::2] if raw is not None]
        known = [at for at in sent if at is not None]
        if not length:
            found.add(AGE, 0.0, celery__queue__name=queue)
        elif known:
            found.add(AGE, max(now - min(known), 0.0), celery__queue__name=queue)
    found.add(UNACKED, answers[-1])
    return found


@dataclass(frozen=True)
class Workers(Collector, kind="celery_workers"):
    """How many workers answer. All are asked at once and given a second."""

    interval_s: float = 30.0
    timeout_s: float = 5.0

    @classmethod
    def configured(cls) -> "Iterable[Workers]":
        yield cls(target="default")

    def read(self) -> Reading:
        found = Reading()
        answers = current_app.control.ping(timeout=1.0) or []
        found.add(WORKERS, len(answers))
        found.detail = ", ".join(sorted(name for answer in answers for name in answer))[:200]
        return found
