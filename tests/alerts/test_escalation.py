"""Escalations: one level after another until somebody acknowledges."""

from datetime import time, timedelta

import pytest
from django.contrib.auth.models import User

from apps.alerts import escalation
from apps.alerts.clock import db_now
from apps.alerts.models import (
    AlertGroup,
    ContactMethod,
    Enrolment,
    Episode,
    EpisodeEvent,
    Escalation,
    EscalationStep,
    GroupMember,
    Incident,
    Notification,
    PolicyFault,
    Silence,
    Team,
)
from apps.alerts.services import acknowledgements
from tests.alerts.escalating import episode, later, person, policy, told, webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_woken")]


@pytest.fixture
def nobody_woken(monkeypatch) -> None:
    monkeypatch.setattr("apps.alerts.outbox.wake", lambda *_args: None)


@pytest.fixture
def group(db) -> AlertGroup:
    return AlertGroup.objects.create(key="k")


def two_levels():
    ann, bob = person("ann"), person("bob")
    return policy({"kind": "user", "person": ann}, {"kind": "user", "person": bob})


def begin(made, *episodes, group=None):
    return escalation.start(made, group, episodes or [episode()], db_now())


def state(row) -> str:
    return Escalation.objects.get(pk=row.pk).state


def test_the_first_page_is_owed_in_the_transaction_that_started_it(group):
    row = begin(two_levels(), group=group)
    [message] = Notification.objects.all()
    assert (message.channel.name, message.person.username) == ("ann", "ann")
    assert (message.purpose, message.priority, message.escalation_id) == ("escalation", 0, row.pk)
    assert message.group == group
    assert message.payload["breaches"][0]["value"] == 7
    assert message.payload["escalation"]["why"] == "Step 1 of 2 of policy Payments."


def test_not_acknowledged_in_five_minutes_the_next_level_is_paged_and_at_last_the_catch_all():
    row = begin(two_levels())
    assert later(299) == 0
    assert later(1) == 1
    assert told() == ["ann", "bob"]
    later(300)
    assert told() == ["ann", "bob", "last"]
    assert (state(row), later(10_000)) == ("exhausted", 0)


def test_each_step_stands_in_the_timeline_of_the_alert():
    fired = episode()
    begin(two_levels(), fired)
    later(300)
    kinds = [(e.kind, e.detail.get("told")) for e in EpisodeEvent.objects.filter(episode=fired)]
    assert kinds == [
        ("escalation_started", None), ("escalation_step", ["ann"]), ("escalation_step", ["bob"]),
    ]  # fmt: skip


def test_an_acknowledgement_stops_it():
    fired = episode()
    row = begin(two_levels(), fired)
    assert escalation.acknowledged([fired], db_now()) == 1
    assert (state(row), later(10_000), told()) == ("acknowledged", 0, ["ann"])


def test_one_alert_of_two_that_nobody_has_keeps_it_going():
    one, other = episode(), episode()
    row = begin(two_levels(), one, other)
    assert escalation.acknowledged([one], db_now()) == 0
    later(300)
    assert told() == ["ann", "bob"]
    assert escalation.acknowledged([other], db_now()) == 1
    assert state(row) == "acknowledged"


def test_an_acknowledgement_that_ended_begins_anew():
    fired = episode()
    row = begin(two_levels(), fired)
    later(300)
    escalation.acknowledged([fired], db_now())
    assert escalation.unacknowledged([fired], db_now()) == 1
    assert (state(row), told()) == ("running", ["ann", "bob", "ann"])


def test_the_end_of_the_alert_cancels_it_and_is_told_to_those_who_were_paged():
    fired = episode()
    row = begin(two_levels(), fired)
    later(300)
    Episode.objects.filter(pk=fired.pk).update(state="resolved", ended_at=db_now())
    assert escalation.resolved([fired], db_now()) == 1
    assert (state(row), later(10_000)) == ("resolved", 0)
    ends = Notification.objects.filter(purpose="resolved").values_list("channel__name", flat=True)
    assert sorted(ends) == ["ann", "bob"]


def test_whom_the_route_tells_anyway_is_not_told_twice_that_it_ended(group):
    fired = episode()
    begin(two_levels(), fired, group=group)
    GroupMember.objects.create(
        group=group, episode=fired, joined_at=db_now(), told_at=db_now(),
        told_channels=[webhook("ann").pk],
    )  # fmt: skip
    escalation.resolved([fired], db_now())
    assert not Notification.objects.filter(purpose="resolved").exists()


def test_whom_the_route_told_of_other_alerts_long_ago_is_told_that_this_one_ended(group):
    fired, old = episode(), episode(state="resolved")
    begin(two_levels(), fired, group=group)
    GroupMember.objects.create(
        group=group, episode=old, joined_at=db_now(), told_at=db_now(),
        told_channels=[webhook("ann").pk],
    )  # fmt: skip
    escalation.resolved([fired], db_now())
    assert Notification.objects.get(purpose="resolved").channel.name == "ann"


@pytest.mark.parametrize("end", ["by a step", "at its end"])
def test_an_escalation_that_is_over_still_says_that_the_alert_is_taken_and_ended(end):
    fired, ann = episode(), person("ann")
    steps = [{"kind": "user", "person": ann}, {"kind": "channel", "channel": webhook("team")}]
    row = begin(policy(*steps, *[{"kind": "resolve"}] * (end == "by a step")), fired)
    later(300)
    later(300)
    assert state(row) == ("ended" if end == "by a step" else "exhausted")
    acknowledgements.acknowledge([fired], "bob")
    assert Notification.objects.get(purpose="acknowledged").channel.name == "ann"
    Episode.objects.filter(pk=fired.pk).update(state="resolved", ended_at=db_now())
    escalation.resolved([fired], db_now())
    escalation.resolved([fired], db_now())
    ends = Notification.objects.filter(purpose="resolved").values_list("channel__name", flat=True)
    assert {"ann", "team"} <= set(ends)
    assert len(ends) == len(set(ends))


def test_whoever_takes_it_is_not_told_and_the_others_who_were_paged_are():
    fired = episode()
    begin(two_levels(), fired)
    later(300)
    acknowledgements.acknowledge([fired], "bob")
    message = Notification.objects.get(purpose="acknowledged")
    assert (message.channel.name, message.payload["by"]) == ("ann", "bob")


def test_a_rise_in_severity_begins_anew_even_after_an_acknowledgement():
    fired = episode("warning")
    row = begin(two_levels(), fired)
    escalation.acknowledged([fired], db_now())
    fired.severity = "critical"
    fired.save()
    assert escalation.raised([fired], db_now()) == 1
    assert (state(row), told()) == ("running", ["ann", "ann"])
    assert Notification.objects.first().severity == "critical"
    # Critical already: nothing new.
    assert escalation.raised([fired], db_now()) == 0


def test_a_running_one_takes_in_more_alerts_of_its_group_without_beginning_anew(group):
    made = two_levels()
    row = begin(made, episode(), group=group)
    assert begin(made, episode(), group=group) == row
    assert (row.members.count(), told()) == (2, ["ann"])


def test_a_worse_alert_of_the_group_begins_anew(group):
    made = two_levels()
    begin(made, episode("warning"), group=group)
    later(300)
    begin(made, episode("critical"), group=group)
    assert told() == ["ann", "bob", "ann"]


def test_an_acknowledged_one_is_taken_up_again_for_a_new_alert_with_the_policy_as_it_is_now(group):
    made, first = two_levels(), episode()
    row = begin(made, first, group=group)
    escalation.acknowledged([first], db_now())
    EscalationStep.objects.filter(policy=made, position=0).delete()
    assert begin(made, episode(), group=group) == row
    assert (state(row), told()) == ("running", ["ann", "bob"])


def test_an_edit_does_not_change_what_runs():
    made = two_levels()
    begin(made)
    EscalationStep.objects.filter(policy=made).delete()
    later(300)
    assert told() == ["ann", "bob"]


def test_it_outlives_its_policy():
    made = two_levels()
    row = begin(made)
    made.delete()
    later(300)
    assert (told(), state(row)) == (["ann", "bob"], "running")


def test_a_repeat_pages_everybody_again_and_no_more_often_than_it_says():
    ann = person("ann")
    begin(policy({"kind": "user", "person": ann}, {"kind": "repeat", "repeats": 2}))
    for _ in range(6):
        later(300)
    assert told() == ["ann", "ann", "ann", "last"]


def test_a_step_that_reaches_nobody_goes_on_at_once_and_an_alert_fires_about_the_policy():
    ann, bob = person("ann"), person("bob")
    User.objects.filter(pk=ann.pk).update(is_active=False)
    made = policy({"kind": "user", "person": ann}, {"kind": "user", "person": bob})
    begin(made)
    assert escalation.escalate_due() == 1
    assert told() == ["bob"]
    fault = PolicyFault.objects.get()
    assert (fault.reason, fault.episode.state) == ("The account of ann is closed.", "firing")
    assert Enrolment.objects.get().episode == fault.episode
    # The same again is no second alert.
    begin(made)
    assert PolicyFault.objects.count() == 1


def test_the_alert_about_a_policy_ends_once_the_step_reaches_somebody():
    ann = User.objects.create_user("ann")
    begin(policy({"kind": "user", "person": ann}))
    fault = PolicyFault.objects.get()
    assert escalation.faults.mend() == 0
    ContactMethod.objects.create(person=ann, channel=webhook("ann"))
    assert escalation.faults.mend() == 1
    fault.episode.refresh_from_db()
    assert (fault.episode.state, escalation.faults.mend()) == ("resolved", 0)


def test_even_the_catch_all_being_off_is_told():
    ann = person("ann")
    made = policy({"kind": "user", "person": ann, "wait_s": 0})
    type(made.catch_all).objects.filter(pk=made.catch_all_id).update(enabled=False)
    row = begin(made)
    escalation.escalate_due()
    assert (state(row), PolicyFault.objects.get().reason) == (
        "exhausted", "The channel last is gone or switched off.",
    )  # fmt: skip


def test_quiet_hours_hold_back_a_warning_without_being_a_fault():
    asleep = {"quiet_from": time(0), "quiet_until": time(23, 59, 59, 999999)}
    made = policy({"kind": "user", "person": person("ann", **asleep)})
    begin(made, episode("warning"))
    assert (told(), PolicyFault.objects.count()) == ([], 0)
    begin(made, episode("critical"))
    assert told() == ["ann"]


def test_a_team_is_paged_whole_and_two_people_behind_one_channel_hear_it_once():
    team = Team.objects.create(name="Payments", channel=webhook("room"))
    team.members.set([person("ann"), person("bob"), User.objects.create_user("new")])
    ContactMethod.objects.create(person=User.objects.get(username="bob"), channel=webhook("ann"))
    begin(policy({"kind": "team", "team": team}))
    assert sorted(told()) == ["ann", "bob", "room"]


def test_outside_its_times_it_waits_for_them():
    now = db_now()
    later_today = {"from_time": (now + timedelta(hours=2)).time(), "until_time": now.time()}
    row = begin(policy({"kind": "time_range", **later_today}, {"kind": "repeat", "repeats": 1}))
    due = Escalation.objects.get(pk=row.pk).next_at - now
    assert (told(), round(due / timedelta(minutes=1))) == ([], 120)


def test_it_goes_on_once_there_are_many_alerts(group):
    many = {"kind": "many_alerts", "more_than": 2, "within_s": 300}
    made = policy(many, {"kind": "channel", "channel": webhook("room")})
    begin(made, episode(), episode(), group=group)
    later(20)
    assert told() == []
    begin(made, episode(), group=group)
    later(20)
    escalation.escalate_due()
    assert told() == ["room"]


def test_a_silence_pauses_it_and_its_end_resumes_at_the_same_step():
    fired = episode()
    row = begin(two_levels(), fired)
    now = db_now()
    silence = Silence.objects.create(
        stored_matchers=[{"name": "alertname", "op": "=", "value": "Errors"}],
        starts_at=now, ends_at=now + timedelta(hours=1), created_by="eve", comment="Known.",
    )  # fmt: skip
    later(300)
    row.refresh_from_db()
    assert (told(), row.step, row.paused_since is not None) == (["ann"], 1, True)
    Silence.objects.filter(pk=silence.pk).update(starts_at=now - timedelta(hours=2), ends_at=now)
    later(15)
    row.refresh_from_db()
    assert (told(), row.paused_since) == (["ann", "bob"], None)
    kinds = list(EpisodeEvent.objects.filter(episode=fired).values_list("kind", flat=True))
    assert kinds[-3:] == ["escalation_paused", "escalation_resumed", "escalation_step"]


def test_a_step_may_declare_an_incident_and_a_repeat_of_it_declares_no_second_one():
    begin(policy({"kind": "declare"}, {"kind": "wait", "wait_s": 60}, {"kind": "repeat"}))
    for _ in range(4):
        later(60)
    incident = Incident.objects.get()
    assert (incident.source, incident.episodes.count()) == ("escalation", 1)


def test_a_step_may_end_it():
    row = begin(policy({"kind": "channel", "channel": webhook("x")}, {"kind": "resolve"}))
    later(300)
    assert (told(), state(row)) == (["x"], "ended")


def test_a_step_that_fails_is_tried_again_and_then_left_out(monkeypatch):
    row = begin(two_levels())
    broken = {**row.plan["steps"][1], "zone": "Nowhere", "kind": "time_range"}
    row.plan["steps"][1] = broken
    row.save()
    for _ in range(3):
        later(300)
    later(300)
    assert (told(), state(row)) == (["ann", "last"], "exhausted")
    assert EpisodeEvent.objects.filter(kind="escalation_step_failed").count() == 1


def test_the_same_step_taken_twice_pages_once():
    row = begin(two_levels())
    # As after a restore from a backup.
    Escalation.objects.filter(pk=row.pk).update(step=0, next_at=db_now())
    later(1)
    assert told() == ["ann"]
