"""Flapping: Nagios' curve to the letter, ours besides, and what the ledger makes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.alerts.delivery import wording
from apps.alerts.flapping import CHECKS, History
from apps.alerts.machine import OPEN
from apps.alerts.models import (
    AlertGroup,
    Episode,
    EpisodeEvent,
    Flap,
    GroupMember,
    Notification,
    Rule,
)
from apps.alerts.suppression import Kind, judge
from tests.alerts.conftest import T0

BAD, WARN, GOOD = 0.95, 0.85, 0.1
NEVER_AN_HOUR = timedelta(days=1)


def turns(states, every=NEVER_AN_HOUR):
    """(check, percent, flapping) at every turn of the verdict; one state a check."""
    history, seen = History(), []
    for check, firing in enumerate(states, 1):
        was = history.flapping
        at = datetime(2025, 1, 1, tzinfo=UTC) + check * every
        history = history.observe(firing=firing, at=at)
        if history.flapping is not was:
            seen.append((check, round(history.percent, 2), history.flapping))
    return seen


def test_the_newest_changes_weigh_as_in_nagios():
    percents = [round(History(changed=(1 << n) - 1).percent, 2) for n in range(1, 7)]
    assert percents == [6.25, 12.37, 18.36, 24.21, 29.93, 35.53]
    assert History(changed=(1 << CHECKS) - 1).percent == pytest.approx(100)


@pytest.mark.parametrize(
    ("period", "expected"),
    [(1, [(6, 35.53, True)]), (2, [(11, 33.55, True)]), (3, [(16, 31.58, True)]), (4, []), (9, [])],
)
def test_an_alert_that_turns_every_few_checks_starts_where_nagios_says(period, expected):
    assert turns([(check // period) % 2 == 0 for check in range(80)]) == expected


def test_it_stops_after_sixteen_quiet_checks():
    states = [check % 2 == 0 for check in range(12)] + [False] * 30
    assert turns(states) == [(6, 35.53, True), (28, 15.79, False)]


def test_six_changes_within_an_hour_start_it_too_however_many_checks_lie_between():
    every_tenth = [(check // 10) % 2 == 0 for check in range(200)]
    started = turns(every_tenth, timedelta(seconds=59))
    assert [(check, flapping) for check, _percent, flapping in started] == [(51, True)]
    assert turns(every_tenth, timedelta(seconds=75)) == []


def test_it_stops_only_when_both_are_quiet():
    states = [check % 2 == 0 for check in range(12)] + [False] * 300
    stopped = turns(states, timedelta(seconds=15))[1]
    # The curve was quiet at check 28; the sixth newest change is an hour old at check 7 + 240.
    assert (stopped[0], stopped[2]) == (247, False)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 25)), max_size=60))
@settings(max_examples=80, deadline=None)
def test_checks_nobody_looked_at_count_as_if_they_had_been_looked_at(seen):
    at = datetime(2025, 1, 1, tzinfo=UTC)
    whole = skipping = History()
    for firing, checks in seen:
        for _ in range(checks - 1):
            at += timedelta(minutes=1)
            whole = whole.observe(firing=whole.firing, at=at)
        at += timedelta(minutes=1)
        whole = whole.observe(firing=firing, at=at)
        skipping = skipping.observe(firing=firing, at=at, checks=checks)
        assert (skipping.changed, skipping.changes) == (whole.changed, whole.changes)


def quiet(bench, *values):
    """Many checks without a change, of which one is looked at: the others follow from the time."""
    bench.tick(*values)
    bench.now += timedelta(seconds=20 * bench.rule.interval_s)
    bench.tick(*values)


def episodes():
    return list(Episode.objects.order_by("started_at"))


def words(kind):
    return list(Notification.objects.filter(purpose=kind).order_by("pk"))


def told(bench, channel, episode):
    """As if routing had paged for it."""
    group = AlertGroup.objects.create(key=str(episode.pk), rule=episode.rule)
    GroupMember.objects.create(
        group=group, episode=episode, joined_at=T0, told_at=T0, told_channels=[channel.pk]
    )


@pytest.fixture
def flapping(bench, channel, no_wake_ups):
    """An alert that starts to flap at its sixth change, and whose first page was sent."""

    # Few checks an hour, so that both memories are quiet soon.
    Rule.objects.update(interval_s=600)
    bench.rule.interval_s = 600

    def start(value=WARN):
        bench.tick(value)
        told(bench, channel, episodes()[0])
        for one in (GOOD, value, GOOD, value, GOOD):
            bench.tick(one)
        return episodes()[-1]

    return start


def test_a_flapping_alert_stays_one_episode_and_is_told_once(flapping, bench):
    last = flapping()
    assert (len(episodes()), last.state) == (3, "recovering")
    for value in (WARN, GOOD) * 2:
        bench.tick(value)
    assert len(episodes()) == 3
    assert len(words("flapping")) == 1
    assert words("flapping")[0].payload["flapping"]["started"] is True
    kinds = list(EpisodeEvent.objects.filter(episode=last).values_list("kind", flat=True))
    assert kinds.count("flapping_started") == 1
    assert "resolved" not in kinds


def test_alerts_that_flap_together_are_told_together_and_so_is_their_rest(
    bench, channel, no_wake_ups, django_assert_max_num_queries
):
    Rule.objects.update(interval_s=600)
    bench.rule.interval_s = 600
    many, none = (WARN,) * 9, (GOOD,) * 9
    bench.tick(*many)
    for one in episodes():
        told(bench, channel, one)
    for values in (none, many, none, many):
        bench.tick(*values)
    with django_assert_max_num_queries(85):
        bench.tick(*none)
    (start,) = words("flapping")
    assert start.payload["flapping"]["alerts"] == 9
    assert len(start.payload["breaches"]) == 9
    assert "9 of its alerts fire and end in turns" in wording.context(start.payload)["summary"]
    assert Flap.objects.filter(flapping=True, told=True).count() == 9
    # Five come to rest well, four firing: two things to say.
    quiet(bench, *none[:5], *many[:4])
    stops = [(one.payload["flapping"]["alerts"], one.payload["flapping"]["firing"])
             for one in words("flapping")[1:]]  # fmt: skip
    assert sum(n for n, _ in stops) == 9
    assert sorted(firing for _, firing in stops) == [False, True]
    assert not Flap.objects.filter(told=True).exists()


def test_its_warnings_are_held_back_with_the_reason_and_its_critical_page_is_not(flapping, bench):
    last = flapping()
    bench.tick(WARN)
    last.refresh_from_db()
    assert judge([last], T0)[last.pk].kind is Kind.FLAPPING
    bench.tick(BAD)
    last.refresh_from_db()
    assert judge([last], T0)[last.pk] is None


def test_when_it_is_quiet_and_well_it_ends_and_that_is_told(flapping, bench):
    last = flapping()
    quiet(bench, GOOD)
    last.refresh_from_db()
    assert (last.state, last.end_reason) == ("resolved", "ok")
    stop = words("flapping")[1]
    assert stop.payload["flapping"]["started"] is False
    assert not Flap.objects.get().flapping
    assert Flap.objects.get().told is False


def test_when_it_comes_to_rest_firing_it_pages_again(flapping, bench):
    last = flapping()
    quiet(bench, WARN)
    last.refresh_from_db()
    assert last.state in OPEN
    assert judge([last], T0)[last.pk] is None
    assert [one.payload["flapping"]["started"] for one in words("flapping")] == [True, False]


def test_where_nobody_was_paged_nobody_is_told_and_nothing_is_held_back(bench, no_wake_ups):
    Notification.objects.all().delete()
    bench.rule.channels.clear()
    for value in (WARN, GOOD, WARN, GOOD, WARN, GOOD, WARN):
        bench.tick(value)
    last = episodes()[-1]
    assert Flap.objects.get().flapping
    assert not words("flapping")
    assert judge([last], T0)[last.pk] is None


@pytest.mark.parametrize("end", ["gone", "paused"])
def test_with_its_series_or_its_rule_it_ends_at_once(flapping, bench, end):
    from apps.alerts.services import rules

    last = flapping()
    if end == "gone":
        bench.tick(None, GOOD, times=2)
    else:
        rules.switch([bench.rule], "ann", on=False)
    last.refresh_from_db()
    assert last.state == "resolved"
    assert not Flap.objects.get().flapping


def test_an_alert_that_is_steady_writes_nothing(bench, no_wake_ups):
    bench.tick(BAD)
    before = Flap.objects.get().seen_at
    bench.tick(BAD, times=3)
    assert Flap.objects.get().seen_at == before
