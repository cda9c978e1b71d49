"""Real workers that take steps, killed without warning: every page is owed, and owed once."""

import random
import time
from datetime import timedelta

import pytest
from django.db.models import Count, F

from apps.alerts import escalation
from apps.alerts.clock import db_now
from apps.alerts.models import Escalation, Notification
from tests.alerts.conftest import wait_until
from tests.alerts.escalating import episode, person, policy, webhook

pytestmark = [pytest.mark.django_db(transaction=True)]
RUNS, KILLS, WORKERS = 15, 60, 3


@pytest.fixture(autouse=True)
def nobody_woken(monkeypatch) -> None:
    monkeypatch.setattr("apps.alerts.outbox.wake", lambda *_args: None)


def all_due() -> None:
    Escalation.objects.filter(next_at__isnull=False).update(
        next_at=F("next_at") - timedelta(seconds=300)
    )


def test_killed_before_commit_a_step_has_not_happened_and_the_next_worker_takes_it(start):
    ann, bob = person("ann"), person("bob")
    row = escalation.start(
        policy({"kind": "user", "person": ann}, {"kind": "user", "person": bob}),
        None, [episode()], db_now(),
    )  # fmt: skip
    all_due()
    start("step-uncommitted").reach().kill()
    row.refresh_from_db()
    assert (row.step, Notification.objects.count()) == (1, 1)
    wait_until(lambda: escalation.escalate_due() == 1)
    row.refresh_from_db()
    assert (row.step, Notification.objects.count()) == (2, 2)


def test_workers_killed_again_and_again_take_every_step_exactly_once(start):
    made = policy(
        {"kind": "user", "person": person("ann")}, {"kind": "user", "person": person("bob")},
        {"kind": "channel", "channel": webhook("room")}, {"kind": "repeat", "repeats": 1},
    )  # fmt: skip
    for _ in range(RUNS):
        escalation.start(made, None, [episode()], db_now())
    # The seed is fixed; what a worker is doing when it dies is not.
    chance = random.Random(7)
    workers = [start("escalate") for _ in range(WORKERS)]
    for _ in range(KILLS):
        all_due()
        worker = workers.pop(chance.randrange(WORKERS)).reach()
        time.sleep(chance.uniform(0, 0.02))
        worker.kill()
        workers.append(start("escalate"))

    def over() -> bool:
        all_due()
        return not Escalation.objects.filter(state="running").exists()

    wait_until(over, 60)
    assert set(Escalation.objects.values_list("state", flat=True)) == {"exhausted"}
    # Of each run: two rounds of three pages, and the catch-all.
    told = Notification.objects.values("escalation_id", "channel__name").annotate(n=Count("pk"))
    each = [(one["channel__name"], one["n"]) for one in told]
    assert sorted(each) == sorted([("ann", 2), ("bob", 2), ("room", 2), ("last", 1)] * RUNS)
