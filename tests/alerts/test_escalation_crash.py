"""Real workers that take steps, killed without warning: every page is owed, and owed once."""

import random
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db.models import Count, F
from django.db.models.functions import Now

from apps.alerts import escalation
from apps.alerts.evaluation.clock import db_now
from apps.alerts.models import EpisodeEvent, Escalation, Notification
from tests.alerts.conftest import wait_until
from tests.alerts.escalating import episode, person, policy, webhook
from tests.alerts.test_crash import start  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.django_db(transaction=True)]
RUNS = 12


@pytest.fixture(autouse=True)
def nobody_woken(monkeypatch) -> None:
    monkeypatch.setattr("apps.alerts.outbox.wake", lambda *_args: None)


def all_due() -> None:
    Escalation.objects.filter(next_at__isnull=False).update(
        next_at=F("next_at") - timedelta(seconds=300)
    )


def reached(events: int) -> bool:
    """So many, or as many as there will be until more comes due."""
    due = Escalation.objects.filter(next_at__lte=Now())
    return EpisodeEvent.objects.count() >= events or not due.exists()


def test_killed_before_commit_a_step_has_not_happened_and_the_next_worker_takes_it(start):  # noqa: F811
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


def test_two_workers_killed_again_and_again_take_every_step_exactly_once(start):  # noqa: F811
    made = policy(
        {"kind": "user", "person": person("ann")}, {"kind": "user", "person": person("bob")},
        {"kind": "channel", "channel": webhook("room")}, {"kind": "repeat", "repeats": 1},
    )  # fmt: skip
    for _ in range(RUNS):
        escalation.start(made, None, [episode()], db_now())
    chance = random.Random(7)
    # Per run: two rounds of three pages, and the catch-all.
    wanted = RUNS * 7
    workers = [start("escalate") for _ in range(3)]
    for worker in workers:
        worker.reach()
    while Notification.objects.count() < wanted:
        all_due()
        enough = EpisodeEvent.objects.count() + chance.randrange(1, RUNS)
        # Killed in the middle of the work that has just come due; the last one goes on alone.
        wait_until(partial(reached, enough), 60)
        if len(workers) > 1:
            workers.pop(0).kill()
    told = Notification.objects.values("escalation_id", "channel__name").annotate(n=Count("pk"))
    each = {(one["channel__name"], one["n"]) for one in told}
    assert each == {("ann", 2), ("bob", 2), ("room", 2), ("last", 1)}
    wait_until(lambda: not Escalation.objects.filter(state="running").exists())
    assert set(Escalation.objects.values_list("state", flat=True)) == {"exhausted"}
    assert User.objects.count() == 2
