"""Workers killed without warning while messages go down the ladder: none lost, none told twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from django.db.models.functions import Now

from apps.alerts.models import AwaitedReceipt, Channel, Notification
from apps.alerts.services import channels
from tests.alerts.phone.conftest import PAYLOAD
from tests.alerts.test_dispatch import episode
from tests.conftest import child_environment
from tests.forking import Forks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_wake_ups")]


@pytest.fixture(scope="module")
def forks(django_db_setup, django_db_blocker) -> Iterator[Forks]:
    known = {**child_environment("worker", 8000), "PHAROS_RECORDER": "0"}
    loaded = Forks("tests.alerts.phone.worker", known)
    yield loaded
    loaded.close()


def page(channel: Channel, number: int = 0) -> Notification:
    return Notification.objects.create(
        key=f"{channel.pk}-{number}", channel=channel, kind=channel.kind, purpose="firing",
        severity="critical", priority=0, episode=episode(), payload=PAYLOAD,
    )  # fmt: skip


def reach_and_kill(forks: Forks, instant: str) -> None:
    worker = forks.start(instant)
    assert worker.stdout.readline().strip() == instant
    worker.kill()
    worker.communicate()


def run(forks: Forks) -> None:
    out, log = forks.start("run").communicate(timeout=120)
    assert out.splitlines()[-1:] == ["done"], log


def end_leases() -> None:
    Notification.objects.filter(lease_until__isnull=False).update(
        lease_until=Now() - timedelta(seconds=1)
    )


def texts(provider, before: int) -> list[str]:
    posts = [one for one in provider.requests()[before:] if one["method"] == "POST"]
    return [dict(parse_qsl(one["body"]))["Body"] for one in posts]


def test_killed_after_the_provider_took_it_the_repeat_says_so_and_has_one_receipt_to_come(
    forks, phone, provider
):
    before = len(provider.requests())
    row = page(phone("twilio", "0001"))
    reach_and_kill(forks, "taken")
    end_leases()
    run(forks)
    row.refresh_from_db()
    assert (row.state, row.attempt, row.may_repeat) == ("sent", 2, True)
    first, second = texts(provider, before)
    assert second == f"(May repeat) {first}"
    assert AwaitedReceipt.objects.get().notification == row


def test_killed_before_commit_neither_the_outcome_nor_the_fall_back_is_there_then_both_once(
    forks, phone
):
    first, below = phone("nhn", "0400"), phone("twilio", "0001")
    Channel.objects.filter(pk=first.pk).update(fallback=below)
    row = page(first)
    reach_and_kill(forks, "noted")
    row.refresh_from_db()
    assert row.state == "sending"
    assert Notification.objects.count() == 1
    end_leases()
    run(forks)
    row.refresh_from_db()
    assert row.state == "dead"
    assert [one.state for one in row.fallbacks.all()] == ["sent"]


def test_killed_at_random_moments_every_page_arrives_down_the_ladder_once(forks, phone, receiver):
    talk, text = phone("solapi", "0400"), phone("twilio", "0400")
    hook = channels.ensure("webhook", receiver.url + "/ok/x")
    Channel.objects.filter(pk=talk.pk).update(fallback=text)
    Channel.objects.filter(pk=text.pk).update(fallback=hook)
    for number in range(10):
        page(talk, number)
    chance = random.Random(20261126)
    for _ in range(12):
        pair = [forks.start("run") for _ in range(2)]
        time.sleep(chance.uniform(0.0, 0.15))
        for worker in pair:
            worker.kill()
            worker.communicate()
        end_leases()
    run(forks)
    assert not Notification.objects.filter(state__in=["pending", "sending"]).exists()
    assert Counter(Notification.objects.values_list("channel_id", "state")) == {
        (talk.pk, "dead"): 10, (text.pk, "dead"): 10, (hook.pk, "sent"): 10,
    }  # fmt: skip
    keys = Counter(one["headers"]["Idempotency-Key"] for one in receiver.requests())
    assert len(keys) == 10
    repeated = [one for one in receiver.requests() if keys[one["headers"]["Idempotency-Key"]] > 1]
    # What was sent more than once says so from the second time on.
    marks = Counter(one["headers"]["Pharos-May-Repeat"] for one in repeated)
    assert marks["false"] <= len({one["headers"]["Idempotency-Key"] for one in repeated})
