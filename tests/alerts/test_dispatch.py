"""The outbox: claimed once, sent, retried, given up; whatever is down or killed meanwhile."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now

from apps.alerts import conf, outbox
from apps.alerts.clock import db_now
from apps.alerts.delivery import NOTIFIERS, Delivered
from apps.alerts.models import (
    Attempt,
    Channel,
    Episode,
    EpisodeEvent,
    Notification,
    OutboxState,
    Outcome,
)
from apps.alerts.services import channels
from apps.alerts.services import dispatch as dispatching
from apps.alerts.services.dispatch import dispatch
from apps.alerts.services.outbox import backoff_s, claim, resend, settle
from apps.alerts.tasks import dispatch_notifications
from apps.core.errors import ConflictError
from apps.core.sealed import Secret
from tests.alerts.conftest import T0, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_wake_ups"),
]


@pytest.fixture(autouse=True)
def even_pauses(monkeypatch) -> None:
    """Without jitter: a pause near 0 would let one run try twice."""
    monkeypatch.setattr("apps.alerts.services.outbox.backoff_s", lambda attempt: 1.0)


@pytest.fixture
def hook(receiver):
    """A channel to the receiver that behaves as `way` says."""

    def make(way="ok") -> Channel:
        return channels.ensure("webhook", f"{receiver.url}/{way}/s3cr3t")

    return make


def row() -> Notification:
    return Notification.objects.get()


def due_now() -> None:
    Notification.objects.update(next_attempt_at=Now())


def episode() -> Episode:
    return Episode.objects.create(
        rule_name="CPU", fingerprint="f", metric="m", direction="above", state="firing",
        severity="warning", started_at=T0, updated_at=T0,
    )  # fmt: skip


def owe(channel: Channel, number: int = 0, **fields) -> Notification:
    values = {
        "key": f"{channel.pk}-{number}", "channel": channel, "kind": channel.kind,
        "purpose": "firing", "payload": {"purpose": "firing", "number": number}, **fields,
    }  # fmt: skip
    return Notification.objects.create(**values)


def test_a_message_is_sent_once_and_its_attempt_is_kept(hook, receiver):
    told = episode()
    owe(hook(), episode=told)
    assert dispatch("webhook") == 1
    assert dispatch("webhook") == 0
    assert (row().state, row().outcome, row().attempt) == (OutboxState.SENT, Outcome.OK, 1)
    assert row().sent_at is not None
    assert row().lease_token is None
    attempt = Attempt.objects.get()
    assert (attempt.number, attempt.outcome, attempt.status_code) == (1, Outcome.OK, 200)
    assert attempt.ended_at >= attempt.started_at
    assert not attempt.may_repeat
    assert EpisodeEvent.objects.get(episode=told).kind == "notification_sent"
    assert len(receiver.requests()) == 1


def test_a_failing_receiver_is_tried_again_after_a_pause(hook, receiver):
    owe(hook("once"))
    before = db_now()
    dispatch("webhook")
    assert row().state == OutboxState.PENDING
    assert row().outcome == Outcome.TRANSIENT
    assert before <= row().next_attempt_at <= db_now() + timedelta(seconds=1)
    due_now()
    dispatch("webhook")
    assert row().state == OutboxState.SENT
    assert [a.outcome for a in Attempt.objects.all()] == ["transient", "ok"]
    first, second = receiver.requests()
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"]
    # The first was refused, so the second cannot repeat anything.
    assert second["headers"]["Pharos-May-Repeat"] == "false"


def test_a_receiver_that_says_when_to_come_back_is_heeded(hook):
    owe(hook("429"))
    dispatch("webhook")
    assert row().next_attempt_at > db_now() + timedelta(seconds=100)


def test_a_retry_after_of_a_year_is_capped(hook, monkeypatch):
    owe(hook())
    answer = Delivered(Outcome.TRANSIENT, 503, "busy", retry_after_s=31_536_000)
    monkeypatch.setattr(NOTIFIERS["webhook"], "send", lambda envelope: answer)
    dispatch("webhook")
    assert row().next_attempt_at < db_now() + timedelta(hours=1, minutes=1)


def test_a_refused_message_is_given_up_and_shown(hook):
    told = episode()
    owe(hook("404"), episode=told)
    dispatch("webhook")
    assert (row().state, row().outcome) == (OutboxState.DEAD, Outcome.PERMANENT)
    assert row().error == "The receiver answered 404."
    assert EpisodeEvent.objects.get(episode=told).kind == "notification_dead"
    assert dispatch("webhook") == 0


def test_after_an_unknown_outcome_the_next_attempt_says_that_it_may_repeat(hook, receiver):
    owe(hook("garbage"))
    dispatch("webhook")
    assert (row().outcome, row().may_repeat) == (Outcome.UNKNOWN, True)
    due_now()
    dispatch("webhook")
    headers = [request["headers"]["Pharos-May-Repeat"] for request in receiver.requests()]
    assert headers == ["false", "true"]
    assert [a.may_repeat for a in Attempt.objects.all()] == [False, True]


def test_a_message_is_given_up_after_its_attempts(hook):
    owe(hook("500"), attempts_allowed=3)
    for _ in range(3):
        due_now()
        dispatch("webhook")
    assert (row().state, row().attempt) == (OutboxState.DEAD, 3)


def test_a_message_whose_workers_all_died_is_given_up(hook):
    owe(hook(), state=OutboxState.SENDING, attempt=3, attempts_allowed=3, lease_until=T0)
    assert dispatch("webhook") == 0
    assert (row().state, row().outcome) == (OutboxState.DEAD, Outcome.UNKNOWN)


def test_backoff_doubles_under_a_cap_with_full_jitter():
    for attempt, ceiling in ((1, 1), (2, 2), (5, 16), (7, 60), (1000, 60)):
        waits = [backoff_s(attempt) for _ in range(200)]
        assert 0 <= min(waits) < ceiling * 0.2
        assert ceiling * 0.8 < max(waits) <= ceiling


def test_a_lease_keeps_others_away_until_it_is_over(hook):
    owe(hook())
    (mine,) = claim("webhook", 10)
    assert claim("webhook", 10) == []
    Notification.objects.update(lease_until=Now() - timedelta(seconds=1))
    (other,) = claim("webhook", 10)
    assert other.notification.attempt == 2
    assert other.envelope.may_repeat
    # The first worker comes back late: its word no longer counts, but its attempt is kept.
    assert not settle(mine, Delivered(Outcome.OK, 200))
    assert row().state == OutboxState.SENDING
    assert settle(other, Delivered(Outcome.OK, 200))
    assert row().state == OutboxState.SENT
    assert Attempt.objects.filter(outcome="ok").count() == 2


def test_resolved_never_overtakes_firing(hook):
    told, channel = episode(), hook("429")
    firing = owe(channel, 1, episode=told)
    resolved = owe(channel, 2, episode=told, purpose="resolved")
    owe(channel, 3)
    assert dispatch("webhook") == 2
    resolved.refresh_from_db()
    assert (resolved.state, resolved.attempt) == (OutboxState.PENDING, 0)
    Notification.objects.filter(pk=firing.pk).update(state=OutboxState.SENT)
    assert [claimed.notification.pk for claimed in claim("webhook", 10)] == [resolved.pk]


def test_critical_messages_leave_first(hook):
    channel = hook()
    owe(channel, 1)
    owe(channel, 2, priority=0)
    assert [c.notification.key[-1] for c in claim("webhook", 1)] == ["2"]


def test_one_channel_cannot_fill_the_bulkhead(hook):
    slow, quick = hook("hang"), hook("ok")
    for number in range(20):
        owe(slow, number, priority=0)
    owe(quick, 1)
    claimed = [one.notification.channel_id for one in claim("webhook", 8)]
    assert claimed.count(slow.pk) == conf.WIDTH_PER_CHANNEL
    assert quick.pk in claimed
    assert claim("webhook", 8, busy=[slow.pk]) == []


def test_a_hung_mail_server_does_not_delay_webhooks(hook, receiver, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(
        NOTIFIERS["email"], "send", lambda e: release.wait(60) and Delivered(Outcome.OK)
    )
    owe(channels.ensure("email", "oncall@example.com"))
    owe(hook())
    hung = threading.Thread(target=in_thread(lambda: dispatch("email")))
    hung.start()
    try:
        wait_until(lambda: Notification.objects.filter(kind="email", state="sending").exists())
        assert dispatch("webhook") == 1
        # A second run of the hung kind returns at once instead of piling up.
        assert dispatch("email") == 0
    finally:
        release.set()
        hung.join(20)
    assert Notification.objects.filter(state=OutboxState.SENT).count() == 2


def in_thread(work):
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return run


def test_a_wish_during_a_run_is_heard(hook, monkeypatch):
    channel = hook()
    owe(channel, 1)
    late = threading.Event()
    real = dispatching._Run.drain

    def drain(self):
        attempts = real(self)
        if not late.is_set():
            late.set()
            owe(channel, 2)
            assert dispatch("webhook") == 0  # busy: only leaves word
        return attempts

    monkeypatch.setattr(dispatching._Run, "drain", drain)
    assert dispatch("webhook") == 2


def test_a_send_beyond_its_deadline_is_written_off_as_unknown(hook, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(conf, "SEND_DEADLINE_S", 0.1)
    monkeypatch.setattr(
        NOTIFIERS["webhook"], "send", lambda e: release.wait(60) and Delivered(Outcome.OK)
    )
    owe(hook(), attempts_allowed=1)
    dispatch("webhook")
    release.set()
    assert (row().state, row().outcome) == (OutboxState.DEAD, Outcome.UNKNOWN)


def test_a_notifier_that_raises_does_not_stop_the_others_and_keeps_the_secret(hook, monkeypatch):
    def send(envelope):
        raise RuntimeError(f"cannot reach {envelope.target}")

    monkeypatch.setattr(NOTIFIERS["webhook"], "send", send)
    owe(hook())
    assert dispatch("webhook") == 1
    assert row().outcome == Outcome.UNKNOWN
    assert row().error == "The notifier failed: RuntimeError."


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: Channel.objects.update(enabled=False), "switched off"),
        (lambda c: c.delete(), "deleted"),
        (
            lambda c: Channel.objects.update(sealed_target=Secret("nonsense", "alerts")),
            "SECRET_KEY",
        ),
    ],
)
def test_a_message_that_cannot_go_anywhere_is_given_up_with_its_reason(
    hook, receiver, change, word
):
    channel = hook()
    owe(channel)
    change(channel)
    dispatch("webhook")
    assert row().state == OutboxState.DEAD
    assert word in row().error
    assert not receiver.requests()


def test_a_person_can_send_a_finished_message_again(hook, receiver):
    owe(hook())
    with pytest.raises(ConflictError):
        resend(row())
    dispatch("webhook")
    resend(row())
    dispatch("webhook")
    assert (row().state, row().attempt) == (OutboxState.SENT, 2)
    assert [r["headers"]["Pharos-May-Repeat"] for r in receiver.requests()] == ["false", "true"]


def test_a_short_outage_of_the_database_does_not_repeat_a_sent_message(hook, receiver, monkeypatch):
    owe(hook())
    failures = [OperationalError("gone"), OperationalError("gone")]
    real = dispatching.settle

    def flaky(*args):
        if failures:
            raise failures.pop()
        return real(*args)

    monkeypatch.setattr(dispatching, "settle", flaky)
    monkeypatch.setattr(dispatching.time, "sleep", lambda seconds: None)
    dispatch("webhook")
    assert row().state == OutboxState.SENT
    assert len(receiver.requests()) == 1


def test_without_a_broker_an_evaluation_commits_and_the_next_poll_sends(bench, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise ConnectionError("Redis is away")

    monkeypatch.undo()
    monkeypatch.setattr("celery.current_app.send_task", refuse)
    monkeypatch.setattr(outbox, "_rest_until", 0.0)
    monkeypatch.setattr(NOTIFIERS["webhook"], "send", lambda e: Delivered(Outcome.OK, 200))
    bench.tick(0.95)
    assert Episode.objects.get().state == "firing"
    assert "dispatcher_not_woken" in caplog.text
    assert dispatch("webhook") == 1
    assert row().state == OutboxState.SENT


def test_a_broken_broker_is_left_alone_for_a_while(monkeypatch):
    monkeypatch.undo()
    calls = []

    def refuse(*args, **kwargs):
        calls.append(args)
        raise ConnectionError

    monkeypatch.setattr("celery.current_app.send_task", refuse)
    monkeypatch.setattr(outbox, "_rest_until", 0.0)
    for _ in range(5):
        outbox.kick(["webhook"])
    assert len(calls) == 1
    monkeypatch.setattr(outbox, "_rest_until", time.monotonic() - 1)
    outbox.kick(["webhook"])
    assert len(calls) == 2


def test_the_poll_wakes_one_task_for_each_kind_that_waits(monkeypatch, hook):
    owe(hook())
    owe(channels.ensure("email", "oncall@example.com"))
    owe(channels.ensure("discord", "https://e.com/x"), state="sent")
    monkeypatch.undo()
    woken = []
    monkeypatch.setattr(
        "celery.current_app.send_task", lambda name, kwargs, **o: woken.append((name, kwargs))
    )
    monkeypatch.setattr(outbox, "_rest_until", 0.0)
    dispatch_notifications()
    assert [kwargs["kind"] for _, kwargs in woken] == ["email", "webhook"]
    assert {name for name, _ in woken} == {"apps.alerts.tasks.dispatch_notifications"}
    assert dispatch_notifications("webhook") == 1


def test_a_test_message_goes_the_ordinary_way(hook, receiver, no_wake_ups):
    channel = hook()
    channels.send_test(channel)
    assert no_wake_ups == [["webhook"]]
    dispatch("webhook")
    assert '"purpose":"test"' in receiver.requests()[0]["body"]


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.PERMANENT])
def test_what_a_provider_answers_and_nobody_can_store_is_settled_all_the_same(hook, outcome):
    owe(hook(), episode=episode())
    (claimed,) = claim("webhook", 1)
    odd = "a\0b\ud800" * 300
    assert settle(claimed, Delivered(outcome, 200, odd, provider_id=odd))
    assert row().state == (OutboxState.SENT if outcome == Outcome.OK else OutboxState.DEAD)
    assert row().error.startswith("a\ufffdb?")
