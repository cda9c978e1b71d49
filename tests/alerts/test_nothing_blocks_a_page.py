"""One message, incident or digest that cannot be kept does not stand before the others."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.alerts.api.notification_shapes import OneNotificationSerializer
from apps.alerts.delivery import Delivered
from apps.alerts.models import Digest, DigestEntry, Incident, Notification, Outcome, Rule
from apps.alerts.notificationlog import log
from apps.alerts.services import channels, dispatch, ladder, outbox
from apps.alerts.services.envelopes import Claim
from apps.alerts.suppression import overflow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_woken(monkeypatch) -> None:
    monkeypatch.setattr("apps.alerts.outbox.wake", lambda *_args: None)


def message(channel, key="k", **columns) -> Notification:
    values = {"kind": channel.kind, "purpose": "firing", "severity": "critical", **columns}
    return Notification.objects.create(key=key, channel=channel, payload={}, **values)


def hook(name, **columns):
    made = channels.ensure("webhook", f"https://hooks.example.com/{name}", name=name)
    for column, value in columns.items():
        setattr(made, column, value)
    made.save()
    return made


def test_a_message_whose_end_cannot_be_noted_keeps_no_other_from_leaving(monkeypatch):
    lost = message(
        hook("a"), "1", state="sending", attempt=9, attempts_allowed=9,
        lease_until=Now() - timedelta(seconds=1),
    )  # fmt: skip
    other = message(hook("b"), "2")
    monkeypatch.setattr(outbox, "_follow_up", lambda *_args: 1 / 0)
    claimed = outbox.claim("webhook", 10)
    assert other.pk in [one.notification.pk for one in claimed]
    lost.refresh_from_db()
    assert lost.state == "sending"


def test_an_outcome_that_cannot_be_noted_does_not_end_the_run(monkeypatch):
    monkeypatch.setattr(dispatch, "settle", lambda *_args: 1 / 0)
    claim = Claim(message(hook("a")), None, None)
    dispatch._Run("webhook")._settle(claim, Delivered(Outcome.OK))


def test_messages_no_rung_would_take_do_not_stand_before_those_that_fail_over(monkeypatch):
    monkeypatch.setattr(ladder, "_AT_ONCE", 1)
    stuck = hook("a", fallback=hook("off", enabled=False))
    fine = hook("b", fallback=hook("on"))
    late = Now() - timedelta(hours=1)
    message(stuck, "1", next_attempt_at=late)
    waiting = message(fine, "2", next_attempt_at=late)
    assert ladder.sweep() == 1
    assert waiting.fallbacks.count() == 1


def test_a_page_leaves_although_its_incident_cannot_be_kept(bench, monkeypatch):
    Rule.objects.update(opens_incident="any")
    monkeypatch.setattr("apps.alerts.incidents.rules.declare", lambda *_args, **_more: 1 / 0)
    bench.tick(0.95)
    assert Notification.objects.filter(purpose="firing").count() == 1
    assert not Incident.objects.exists()


def test_who_may_only_look_gets_no_link_that_acknowledges():
    row = message(hook("a"))
    links = {"acknowledge": "https://p/alerts/ack/x", "episode": "https://p/e"}
    Notification.objects.filter(pk=row.pk).update(payload={"links": links})
    told = OneNotificationSerializer(log().get()).data["payload"]
    assert told["links"] == {"acknowledge": "***", "episode": "https://p/e"}


@pytest.mark.django_db(transaction=True)
def test_what_is_over_a_cap_while_its_digest_is_being_sent_goes_into_the_next_one():
    channel = hook("a")
    first = Digest.objects.create(channel=channel, due_at=Now())
    row = Notification(key="k", channel=channel, kind="webhook", purpose="firing", payload={})

    def keep() -> None:
        try:
            with transaction.atomic():
                overflow._keep(row)
        finally:
            connection.close()

    thread = threading.Thread(target=keep)
    with transaction.atomic():
        Digest.objects.select_for_update().get(pk=first.pk)
        thread.start()
        give_up = time.monotonic() + 20
        while not _somebody_waits() and time.monotonic() < give_up:
            time.sleep(0.02)
        Digest.objects.filter(pk=first.pk).update(sent_at=Now())
    thread.join(20)
    assert DigestEntry.objects.exclude(digest=first).count() == 1


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # In this database: the other workers' tests wait for locks, too. A transaction would see
        # again what it saw first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])
