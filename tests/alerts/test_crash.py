"""Real worker processes, killed without warning: nothing is lost, a repeat says that it is one."""

from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from apps.alerts.models import AlertGroup, Attempt, Enrolment, Episode, Notification, Tick
from apps.alerts.services import channels
from tests.alerts.conftest import Worker, load, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rule(make_rule, receiver):
    return make_rule(channels.ensure("webhook", receiver.url + "/ok"), interval_s=3600)


def repeats(receiver) -> list[str]:
    return [request["headers"]["Pharos-May-Repeat"] for request in receiver.requests()]


def end_leases() -> None:
    """Let the leases of dead workers run out."""
    Notification.objects.filter(lease_until__isnull=False).update(
        lease_until=Now() - timedelta(seconds=1)
    )


def test_killed_before_commit_nothing_happened_and_the_tick_is_taken_again(rule, start, receiver):
    start("before-commit").reach().kill()
    assert not Tick.objects.exists()
    assert not Episode.objects.exists()
    assert not Notification.objects.exists()
    start("evaluate").finish()
    start("dispatch").finish()
    assert Episode.objects.get().state == "firing"
    assert repeats(receiver) == ["false"]


def test_killed_between_commit_and_send_the_next_worker_sends(rule, start, receiver):
    start("after-commit").reach().kill()
    assert Enrolment.objects.count() == 1
    start("dispatch").finish()
    assert Notification.objects.get().state == "sent"
    assert repeats(receiver) == ["false"]


def test_killed_while_routing_nothing_happened_and_the_next_router_routes(rule, start, receiver):
    start("after-commit").reach().kill()
    start("routed").reach().kill()
    assert not Notification.objects.exists()
    assert AlertGroup.objects.get().flush_seq == 0
    start("dispatch").finish()
    assert Notification.objects.get().state == "sent"
    assert repeats(receiver) == ["false"]


def test_killed_after_the_claim_the_message_is_sent_once_the_lease_is_over(rule, start, receiver):
    start("evaluate").finish()
    start("claimed").reach().kill()
    assert Notification.objects.get().state == "sending"
    start("dispatch").finish()
    assert receiver.requests() == []  # the lease still holds
    end_leases()
    start("dispatch").finish()
    assert Notification.objects.get().state == "sent"
    # Nobody can know that the first one never left.
    assert repeats(receiver) == ["true"]


def test_killed_between_send_and_mark_the_message_repeats_once_and_says_so(rule, start, receiver):
    start("evaluate").finish()
    start("sent").reach().kill()
    assert len(receiver.requests()) == 1
    end_leases()
    start("dispatch").finish()
    start("dispatch").finish()
    first, second = receiver.requests()
    assert repeats(receiver) == ["false", "true"]
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"]
    assert [(a.number, a.outcome) for a in Attempt.objects.all()] == [(1, ""), (2, "ok")]


def test_four_evaluators_and_four_dispatchers_at_once_do_everything_once(
    make_rule, start, receiver
):
    channel = channels.ensure("webhook", receiver.url + "/ok")
    for number in range(5):
        make_rule(channel, name=f"rule {number}", interval_s=3600)
    for worker in [start("evaluate") for _ in range(4)]:
        worker.finish()
    assert Tick.objects.count() == Episode.objects.count() == Notification.objects.count() == 5
    for worker in [start("dispatch") for _ in range(4)]:
        worker.finish()
    wait_until(lambda: not Notification.objects.exclude(state="sent").exists())
    keys = [request["headers"]["Idempotency-Key"] for request in receiver.requests()]
    assert len(keys) == len(set(keys)) == 5
    assert Attempt.objects.count() == 5


def cut_connections() -> None:
    """End every other session of this database, as a restart of the server would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_database_lost_before_commit_leaves_nothing_and_the_next_poll_takes_the_tick(
    rule, start, receiver
):
    worker = start("before-commit").reach()
    cut_connections()
    out, log = worker.process.communicate("go\n", timeout=60)
    assert worker.process.returncode != 0, (out, log)
    assert "OperationalError" in log
    assert not Tick.objects.exists()
    assert not Episode.objects.exists()
    start("evaluate").finish()
    assert Notification.objects.count() == 1


def test_a_database_lost_after_the_send_does_not_repeat_the_message(rule, start, receiver):
    start("evaluate").finish()
    worker = start("sent").reach()
    cut_connections()
    worker.finish()
    assert Notification.objects.get().state == "sent"
    assert repeats(receiver) == ["false"]


def test_without_redis_the_state_is_committed_and_the_message_still_leaves(
    rule, receiver, tmp_path
):
    with closing(load(REDIS_URL=f"unix://{tmp_path}/no-redis.sock", WAKE="1")) as gone:
        log = Worker(gone, "evaluate").finish()
        assert "dispatcher_not_woken" in log
        assert Episode.objects.get().state == "firing"
        Worker(gone, "dispatch").finish()
    assert Notification.objects.get().state == "sent"
    assert repeats(receiver) == ["false"]
