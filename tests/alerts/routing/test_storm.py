"""A storm of alerts while routers and dispatchers are killed: all told, once, in few messages."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import transaction

from apps.alerts.clock import db_now
from apps.alerts.models import (
    AlertGroup,
    Decision,
    Enrolment,
    Episode,
    GroupMember,
    Notification,
    Receiver,
    Route,
)
from apps.alerts.routing import enrol
from apps.alerts.services import channels
from tests.alerts.conftest import Worker, wait_until

SERVICES, ALERTS, KILLS, WORKERS = 8, 400, 100, 3


class Storm:
    """Workers that route and send; `kill` takes one of them by chance and starts another.

    The seed is fixed; what a worker is doing when it dies is not.
    """

    def __init__(self, start: Callable[[str], Worker]) -> None:
        self._start = start
        self._chance = random.Random(7)
        self._workers = [start("storm") for _ in range(WORKERS)]

    def kill(self) -> None:
        number = self._chance.randrange(WORKERS)
        worker = self._workers[number].reach()
        time.sleep(self._chance.uniform(0, 0.06))
        worker.kill()
        self._workers[number] = self._start("storm")


def fire(first: int, count: int) -> list[Episode]:
    """These fire now, every tenth is critical, and some have ended before anyone looks."""
    now = db_now()
    rows = [
        Episode(
            id=uuid.uuid4(), rule_name="Errors", fingerprint=str(number), metric="m",
            labels={"service.name": f"s{number % SERVICES}", "host": f"h{number}"},
            direction="above", state="firing", started_at=now, fired_at=now, updated_at=now,
            severity="critical" if number % 10 == 0 else "warning",
        )
        for number in range(first, first + count)
    ]  # fmt: skip
    with transaction.atomic():
        Episode.objects.bulk_create(rows)
        enrol(rows, [], now)
    return rows


def end(rows: list[Episode]) -> None:
    now = db_now()
    with transaction.atomic():
        ids = [row.pk for row in rows]
        Episode.objects.filter(pk__in=ids).update(state="resolved", ended_at=now, end_reason="ok")
        enrol([], rows, now)


def quiet() -> bool:
    waiting = Notification.objects.exclude(state="sent").exists()
    undecided = GroupMember.objects.filter(verdict="").exists()
    return not (waiting or undecided or Enrolment.objects.exists())


@pytest.mark.slow
@pytest.mark.usefixtures("no_wake_ups")
@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_said_twice_while_routers_and_dispatchers_are_killed(start, receiver):
    root, _ = Route.objects.get_or_create(parent=None, defaults={"name": "All alerts"})
    team = Receiver.objects.create(name="team")
    team.channels.set([channels.ensure("webhook", receiver.url + "/ok")])
    Route.objects.filter(pk=root.pk).update(
        receiver=team, group_by=["service.name"], group_wait_s=1, group_interval_s=1
    )
    storm = Storm(start)
    fired: list[Episode] = []
    for number in range(KILLS):
        if number % 5 == 0:
            fired += fire(len(fired), ALERTS * 5 // KILLS)
        if number == KILLS // 2:
            end(fired[:40])
        storm.kill()
    assert len(fired) == ALERTS
    wait_until(quiet, 60)
    end(fired[40:])
    wait_until(lambda: quiet() and not GroupMember.objects.filter(cleared_at=None).exists(), 60)

    decided = Counter(Decision.objects.values_list("episode", flat=True).distinct())
    assert len(decided) == ALERTS
    told = set(GroupMember.objects.exclude(told_at=None).values_list("episode", flat=True))
    silent = set(Decision.objects.filter(reason="ended_early").values_list("episode", flat=True))
    assert told | silent == {one.pk for one in fired}
    assert GroupMember.objects.filter(told_at__isnull=False, told_end_at=None).count() == 0
    assert AlertGroup.objects.count() == SERVICES

    rows = Notification.objects.all()
    assert SERVICES <= rows.count() <= SERVICES * 15
    received = Counter(one["headers"]["Idempotency-Key"] for one in receiver.requests())
    assert set(received) == {row.key for row in rows}
    unmarked = Counter(
        one["headers"]["Idempotency-Key"]
        for one in receiver.requests()
        if one["headers"]["Pharos-May-Repeat"] == "false"
    )
    # What came twice said so.
    assert max(unmarked.values()) == 1
