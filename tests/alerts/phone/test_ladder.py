"""The fail-over ladder: who is told instead, when, once, and what the first one hears later."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db.models.functions import Now

from apps.alerts.delivery import NOTIFIERS, Delivered
from apps.alerts.models import Channel, EpisodeEvent, Notification, OutboxState, Outcome
from apps.alerts.services import channels, ladder
from apps.alerts.services.dispatch import dispatch
from apps.alerts.services.outbox import claim, settle
from apps.core.errors import InvalidInputError
from tests.alerts.test_dispatch import episode

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups", "even_pauses")]

BUSY = Delivered(Outcome.TRANSIENT, 503, "busy")
REFUSED = Delivered(Outcome.PERMANENT, 404, "gone")
LOST = Delivered(Outcome.UNKNOWN, error="broke off")


@pytest.fixture
def even_pauses(monkeypatch) -> None:
    monkeypatch.setattr("apps.alerts.services.outbox.backoff_s", lambda attempt: 0.0)


@pytest.fixture
def rungs(db) -> list[Channel]:
    """Three channels, each falling back to the next."""
    made = [channels.ensure("webhook", f"https://{name}.example.com/x") for name in "abc"]
    for one, below in pairwise(made):
        Channel.objects.filter(pk=one.pk).update(fallback=below)
        one.refresh_from_db()
    return made


def owe(channel: Channel, severity: str = "critical", **fields) -> Notification:
    values = {
        "key": f"{channel.pk}-{fields.get('purpose', 'firing')}", "channel": channel,
        "kind": channel.kind, "purpose": "firing", "severity": severity, "episode": episode(),
        "payload": {"purpose": "firing"}, **fields,
    }  # fmt: skip
    return Notification.objects.create(**values)


def attempt(row: Notification, result: Delivered) -> None:
    """One try of this message, which ends so."""
    Notification.objects.exclude(pk=row.pk).filter(state="pending").update(
        next_attempt_at=Now() + timedelta(hours=1)
    )
    Notification.objects.filter(pk=row.pk).update(next_attempt_at=Now())
    (mine,) = claim("webhook", 1)
    assert mine.notification.pk == row.pk
    settle(mine, result)
    row.refresh_from_db()


def instead_of(row: Notification) -> list[Notification]:
    return list(row.fallbacks.order_by("pk"))


@pytest.mark.parametrize("failure", [BUSY, LOST])
def test_a_critical_message_goes_on_after_two_tries_and_stays_with_the_first_too(rungs, failure):
    row = owe(rungs[0])
    attempt(row, failure)
    assert instead_of(row) == []
    attempt(row, failure)
    (below,) = instead_of(row)
    assert (below.channel, below.severity, below.priority) == (rungs[1], "critical", 0)
    assert below.episode == row.episode
    assert below.payload["instead_of"] == rungs[0].name
    assert (row.state, row.may_repeat) == (OutboxState.PENDING, True)
    told = EpisodeEvent.objects.get(kind="notification_failed_over", episode=row.episode)
    assert told.detail["to"] == rungs[1].name
    attempt(row, failure)
    assert len(instead_of(row)) == 1


def test_success_later_on_the_first_is_fine_and_marked(rungs):
    row = owe(rungs[0])
    attempt(row, BUSY)
    attempt(row, BUSY)
    attempt(row, Delivered(Outcome.OK, 200))
    assert row.state == OutboxState.SENT
    sent = EpisodeEvent.objects.get(kind="notification_sent", episode=row.episode)
    assert sent.detail["after_fallback"]


def test_a_warning_waits_for_its_own_channel_but_not_when_it_is_refused(rungs):
    row = owe(rungs[0], "warning")
    for _ in range(5):
        attempt(row, BUSY)
    assert instead_of(row) == []
    attempt(row, REFUSED)
    assert row.state == OutboxState.DEAD
    assert [one.channel for one in instead_of(row)] == [rungs[1]]


def test_it_goes_down_rung_by_rung_past_those_switched_off_and_ends(rungs):
    Channel.objects.filter(pk=rungs[1].pk).update(enabled=False)
    row = owe(rungs[0])
    attempt(row, REFUSED)
    (below,) = instead_of(row)
    assert below.channel == rungs[2]
    attempt(below, REFUSED)
    assert instead_of(below) == []
    assert Notification.objects.count() == 2


def test_a_channel_that_was_deleted_or_sealed_away_fails_over_too(rungs):
    row = owe(rungs[0])
    Channel.objects.filter(pk=rungs[0].pk).update(enabled=False)
    assert dispatch_with(REFUSED) >= 1
    assert [one.channel for one in instead_of(row)] == [rungs[1]]


def dispatch_with(result: Delivered) -> int:
    real = NOTIFIERS["webhook"].send
    NOTIFIERS["webhook"].send = lambda envelope: result
    try:
        return dispatch("webhook")
    finally:
        NOTIFIERS["webhook"].send = real


def test_a_ring_made_behind_our_back_tells_each_channel_once(rungs):
    Channel.objects.filter(pk=rungs[2].pk).update(fallback=rungs[0])
    row = owe(rungs[0])
    for _ in range(6):
        dispatch_with(REFUSED)
    assert Notification.objects.count() == 3
    assert {one.channel_id for one in Notification.objects.all()} == {one.pk for one in rungs}
    assert row.pk in Notification.objects.values_list("pk", flat=True)


@pytest.mark.parametrize("purpose", ["resolved", "test", "heartbeat"])
def test_ends_tests_and_heartbeats_stay_where_they_are(rungs, purpose):
    row = owe(rungs[0], purpose=purpose)
    attempt(row, REFUSED)
    assert instead_of(row) == []


def test_a_critical_message_that_hangs_goes_on_after_twenty_seconds(rungs):
    row = owe(rungs[0])
    claim("webhook", 1)
    assert ladder.sweep() == 0
    row.attempts.update(started_at=Now() - timedelta(seconds=21))
    assert ladder.sweep() == 1
    assert ladder.sweep() == 0
    assert [one.channel for one in instead_of(row)] == [rungs[1]]


def test_one_that_nobody_tried_goes_on_after_a_minute_and_a_warning_never(rungs):
    row, other = owe(rungs[0]), owe(rungs[0], "warning", key="w")
    Notification.objects.update(next_attempt_at=Now() - timedelta(seconds=59))
    assert ladder.sweep() == 0
    Notification.objects.update(next_attempt_at=Now() - timedelta(seconds=61))
    assert ladder.sweep() == 1
    assert instead_of(row)
    assert not instead_of(other)


def test_a_message_that_kills_its_workers_goes_on_when_it_is_given_up(rungs):
    row = owe(
        rungs[0], "warning", state="sending", attempt=3, attempts_allowed=3,
        lease_until=Now() - timedelta(seconds=1),
    )  # fmt: skip
    claim("email", 1)
    assert instead_of(row) == []
    claim("webhook", 1)
    row.refresh_from_db()
    assert row.state == OutboxState.DEAD
    assert [one.channel for one in instead_of(row)] == [rungs[1]]


def test_a_ring_or_an_endless_ladder_is_refused_when_it_is_saved(rungs):
    with pytest.raises(InvalidInputError, match="itself"):
        ladder.check(rungs[2], rungs[0])
    with pytest.raises(InvalidInputError, match="itself"):
        ladder.check(rungs[0], rungs[0])
    ladder.check(rungs[2], None)
    last = rungs[2]
    for name in "defg":
        below = channels.ensure("webhook", f"https://{name}.example.com/x")
        Channel.objects.filter(pk=last.pk).update(fallback=below)
        last = below
    rungs[0].refresh_from_db()
    with pytest.raises(InvalidInputError, match="at most"):
        ladder.check(channels.ensure("webhook", "https://z.example.com/x"), rungs[0])


def test_a_channel_shows_since_when_it_fails_and_when_it_worked_last(rungs):
    row = owe(rungs[0])
    attempt(row, BUSY)
    rungs[0].refresh_from_db()
    since = rungs[0].failing_since
    assert since is not None
    assert rungs[0].last_ok_at is None
    attempt(row, BUSY)
    rungs[0].refresh_from_db()
    assert rungs[0].failing_since == since
    attempt(row, Delivered(Outcome.OK, 200))
    rungs[0].refresh_from_db()
    assert rungs[0].failing_since is None
    assert rungs[0].last_ok_at is not None


def test_channels_in_trouble_leave_room_for_those_that_work(rungs):
    Channel.objects.filter(pk=rungs[0].pk).update(failing_since=Now() - timedelta(minutes=5))
    for number in range(5):
        owe(rungs[0], key=f"ill-{number}")
        owe(rungs[2], "warning", key=f"well-{number}", priority=1)
    claimed = [one.notification.channel_id for one in claim("webhook", 8)]
    assert claimed.count(rungs[0].pk) == 1
    assert claimed.count(rungs[2].pk) == 3
    Notification.objects.update(state="pending", lease_until=None)
    left = [one.notification.channel_id for one in claim("webhook", 8, troubled=False)]
    assert set(left) == {rungs[2].pk}
