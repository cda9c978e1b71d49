"""Acknowledgements: bound to an episode, with a timer that lets go."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.models import Acknowledgement, AlertGroup, Episode, EpisodeEvent, GroupMember
from apps.alerts.services import silences
from apps.alerts.services.acknowledgements import acknowledge, expire, unacknowledge
from apps.alerts.suppression import Kind, judge
from apps.core.errors import InvalidInputError
from tests.alerts.conftest import wait_until, waits_for_lock


def kinds(episode):
    return list(EpisodeEvent.objects.filter(episode=episode).values_list("kind", flat=True))


def overdue():
    Acknowledgement.objects.update(until=db_now() - timedelta(seconds=1))


def test_a_taken_episode_stops_paging_and_says_who_has_it(make_episode):
    mine, other = make_episode(), make_episode()
    assert acknowledge([mine], "ann", note="on it") == 1
    verdicts = judge([mine, other], db_now())
    assert verdicts[other.pk] is None
    assert verdicts[mine.pk].kind is Kind.ACKNOWLEDGED
    assert "ann" in verdicts[mine.pk].text
    until = verdicts[mine.pk].until - db_now()
    assert 0 <= conf.ACK_TIMEOUT_S - until.total_seconds() < 60
    event = EpisodeEvent.objects.get(episode=mine)
    assert (event.kind, event.detail["by"], event.detail["note"]) == (
        "acknowledged",
        "ann",
        "on it",
    )


def test_what_has_ended_or_not_begun_cannot_be_taken(make_episode):
    rows = [make_episode(state=state) for state in ("resolved", "pending", "inactive")]
    assert acknowledge(rows, "ann") == 0
    assert not Acknowledgement.objects.exists()


def test_a_second_one_changes_nothing_unless_it_asks_for_a_time(make_episode):
    episode = make_episode()
    acknowledge([episode], "ann")
    assert acknowledge([episode.pk], "bob") == 0
    assert acknowledge([episode.pk], "bob", timeout_s=600) == 1
    first, second = Acknowledgement.objects.order_by("pk")
    assert (first.end_reason, first.ended_by) == ("replaced", "bob")
    assert (second.by, second.ended_at) == ("bob", None)


@pytest.mark.parametrize("timeout_s", [1, 299, 4 * 86_400 + 1, -5])
def test_a_time_out_of_bounds_is_refused(make_episode, timeout_s):
    with pytest.raises(InvalidInputError, match="lasts between"):
        acknowledge([make_episode()], "ann", timeout_s=timeout_s)


def test_zero_lasts_as_long_as_the_episode(make_episode):
    episode = make_episode()
    acknowledge([episode], "ann", timeout_s=0)
    assert judge([episode], db_now() + timedelta(days=300))[episode.pk].until is None


def test_past_its_time_the_episode_pages_again_even_before_the_timer_ran(make_episode):
    episode = make_episode()
    acknowledge([episode], "ann")
    overdue()
    assert judge([episode], db_now())[episode.pk] is None
    assert expire() == 1
    assert kinds(episode) == ["acknowledged", "unacknowledged"]
    assert expire() == 0
    row = Acknowledgement.objects.get()
    assert (row.end_reason, row.ended_by) == ("timeout", "timer")


def test_letting_go_is_told_once(make_episode):
    episode = make_episode()
    acknowledge([episode], "ann")
    assert [unacknowledge([episode], "bob"), unacknowledge([episode], "bob")] == [1, 0]
    assert kinds(episode) == ["acknowledged", "unacknowledged"]
    assert judge([episode], db_now())[episode.pk] is None


def test_it_ends_with_its_episode_without_a_word(make_episode):
    episode = make_episode()
    acknowledge([episode], "ann")
    overdue()
    Episode.objects.filter(pk=episode.pk).update(state="resolved")
    assert expire() == 0
    assert Acknowledgement.objects.get().end_reason == "resolved"
    assert kinds(episode) == ["acknowledged"]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_press_at_once_one_takes_it(make_episode):
    episode = make_episode()
    taken, start = [], threading.Barrier(4)

    def press(name):
        start.wait()
        try:
            taken.append(acknowledge([episode], name))
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(f"p{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(taken) == [0, 0, 0, 1]
    assert Acknowledgement.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", [acknowledge, unacknowledge])
def test_who_takes_many_while_they_are_judged_gets_them_all_though_both_collide(
    make_episode, verb, no_wake_ups
):
    first, second = sorted((make_episode(), make_episode()), key=lambda one: one.pk)
    if verb is unacknowledge:
        acknowledge([first, second], "ann")
    done, wrong = [], []

    def press():
        try:
            done.append(verb([first, second], "bob"))
        except Exception as error:  # noqa: BLE001 (told to the test)
            wrong.append(error)
        finally:
            connection.close()

    pressing = threading.Thread(target=press)
    with transaction.atomic(), connection.cursor() as cursor:
        # The other one finds out first, and is the one that is undone.
        cursor.execute("SET LOCAL deadlock_timeout = '60s'")
        Episode.objects.filter(pk=second.pk).update(value=2)
        pressing.start()
        wait_until(waits_for_lock)
        Episode.objects.filter(pk=first.pk).update(value=2)
    pressing.join()
    assert (done, wrong) == ([2], [])


def test_nobody_has_taken_what_came_later_an_episode_that_grew_worse_pages_again(make_episode):
    episode = make_episode(severity="warning")
    acknowledge([episode], "ann")
    episode.severity = "critical"
    episode.save()
    assert judge([episode], db_now())[episode.pk] is None
    assert expire() == 1
    assert Acknowledgement.objects.get().end_reason == "raised"
    assert acknowledge([episode], "ann") == 1


@pytest.mark.parametrize("end", ["letting go", "time", "silence"])
def test_when_what_held_it_back_is_over_its_groups_are_flushed_at_once(
    make_episode, end, no_wake_ups
):
    episode = make_episode()
    later = db_now() + timedelta(minutes=5)
    groups = [AlertGroup.objects.create(key=key, next_flush_at=later) for key in ("a", "b")]
    if end == "silence":
        made = silences.create(silences.Wish(["alertname=CPU"], later, "x"), "ann")
    else:
        acknowledge([episode], "ann")
    held = judge([episode], db_now())[episode.pk]
    verdict = f"suppressed:{held.kind}:{held.by}"
    for group, said in zip(groups, (verdict, "notified:first:team"), strict=True):
        GroupMember.objects.create(group=group, episode=episode, joined_at=later, verdict=said)
    if end == "silence":
        silences.expire(made, "ann")
    elif end == "time":
        overdue()
        expire()
    else:
        unacknowledge([episode], "ann")
    due = [AlertGroup.objects.get(pk=one.pk).next_flush_at < later for one in groups]
    assert due == [True, False]
