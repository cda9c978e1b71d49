"""Real workers that take steps, killed without warning: every page is owed, and owed once."""

from datetime import timedelta

import pytest
from django.db.models import F

from apps.alerts import escalation
from apps.alerts.clock import db_now
from apps.alerts.models import Escalation, Notification
from tests.alerts.conftest import wait_until
from tests.alerts.escalating import episode, person, policy
from tests.alerts.test_crash import forks, start  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def nobody_woken(monkeypatch) -> None:
    monkeypatch.setattr("apps.alerts.outbox.wake", lambda *_args: None)


def all_due() -> None:
    Escalation.objects.filter(next_at__isnull=False).update(
        next_at=F("next_at") - timedelta(seconds=300)
    )


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
