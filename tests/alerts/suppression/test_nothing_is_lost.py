"""Whatever people silence, take, let go, mute and cap: each alert that was due is in a message, in
a digest, or in a decision with its reason."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.alerts.clock import db_now
from apps.alerts.machine import OPEN
from apps.alerts.matchers import parse
from apps.alerts.models import (
    Cap,
    Decision,
    DigestEntry,
    Episode,
    GroupMember,
    Inhibition,
    Notification,
    Silence,
    Verdict,
)
from apps.alerts.routing import enrol, route
from apps.alerts.services import channels, digests, silences
from apps.alerts.services.acknowledgements import acknowledge, unacknowledge
from apps.alerts.suppression import judge

HOSTS = st.sampled_from(["h1", "h2", "h3"])
ACTS = st.one_of(
    st.tuples(st.just("fire"), HOSTS, st.sampled_from(["warning", "critical"])),
    st.tuples(st.sampled_from(["silence", "speak", "take", "let_go", "end", "worsen"]), HOSTS),
    st.tuples(st.just("wait"), st.sampled_from([31, 301])),
)

TOLD = (Verdict.NOTIFIED, Verdict.DIGESTED)


class World:
    """A rule with one capped channel, and people who do things to its alerts."""

    def __init__(self, rule, make_episode):
        self.rule, self.make_episode = rule, make_episode
        self.ahead = timedelta()

    @property
    def now(self):
        return db_now() + self.ahead

    def open(self, host):
        return list(Episode.objects.filter(labels__host=host, state__in=OPEN))

    def fire(self, host, severity):
        kind = "Down" if severity == "critical" else "Slow"
        episode = self.make_episode(kind, rule=self.rule, severity=severity, ago_s=0, host=host,
                                    run=str(Episode.objects.count()))  # fmt: skip
        enrol([episode], [], self.now)

    def silence(self, host):
        ends = db_now() + timedelta(hours=1)
        silences.create(silences.Wish([f"host={host}"], ends, "work"), "ann")

    def speak(self, host):
        for row in Silence.objects.filter(stored_matchers__0__value=host):
            silences.expire(row, "ann")

    def take(self, host):
        acknowledge(self.open(host), "ann")

    def let_go(self, host):
        unacknowledge(self.open(host), "ann")

    def end(self, host):
        gone = self.open(host)
        Episode.objects.filter(pk__in=[one.pk for one in gone]).update(
            state="resolved", ended_at=self.now, end_reason="ok"
        )
        enrol([], gone, self.now)

    def worsen(self, host):
        grown = [one for one in self.open(host) if one.severity == "warning"]
        Episode.objects.filter(pk__in=[one.pk for one in grown]).update(severity="critical")
        enrol(grown, [], self.now)

    def wait(self, seconds):
        self.ahead += timedelta(seconds=seconds)

    def route(self):
        route(lambda: self.now)
        digests.send_due()

    def check(self):
        episodes = list(Episode.objects.filter(rule=self.rule))
        last = {one.episode_id: one for one in Decision.objects.order_by("pk")}
        for one in episodes:
            assert one.pk in last, "an alert was due and nothing says what became of it"
            if last[one.pk].verdict in TOLD:
                told = GroupMember.objects.filter(episode=one, told_at__isnull=False)
                groups = told.values("group")
                assert (
                    Notification.objects.filter(group__in=groups).exists()
                    or DigestEntry.objects.filter(episode__memberships__group__in=groups).exists()
                )
        still = [one for one in episodes if one.state in OPEN]
        for pk, verdict in judge(still, self.now).items():
            if verdict is None:
                assert GroupMember.objects.filter(episode=pk, told_at__isnull=False).exists(), (
                    "an alert that may page was not told"
                )
            else:
                assert last[pk].verdict in (Verdict.SUPPRESSED, *TOLD)


@pytest.fixture
def world(make_rule, make_episode, no_wake_ups):
    post = channels.ensure("email", "ann@example.com")
    Cap.objects.create(scope="channel", channel=post, burst=2, per_hour=60)
    Inhibition.objects.create(
        name="downs", equal=["host"],
        stored_sources=[one.as_json() for one in parse("alertname=Down")],
        stored_targets=[one.as_json() for one in parse("alertname=Slow")],
    )  # fmt: skip
    return World(make_rule(post), make_episode)


@given(st.lists(ACTS, min_size=3, max_size=12))
@settings(
    max_examples=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_each_alert_that_was_due_is_told_or_explained(world, acts):
    with transaction.atomic():
        world.ahead = timedelta()
        for verb, *about in acts:
            getattr(world, verb)(*about)
            world.route()
        # Let every group's timer come twice: the first wait, and what a flush puts off.
        for seconds in (31, 301, 301):
            world.wait(seconds)
            world.route()
        world.check()
        transaction.set_rollback(True)
