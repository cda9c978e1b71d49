"""Groups: when they speak, what they say, and what they leave unsaid with a reason."""

from datetime import timedelta

import pytest

from apps.alerts import routing
from apps.alerts.models import (
    AlertGroup,
    Decision,
    Enrolment,
    Episode,
    Notification,
    Receiver,
    Route,
    Rule,
)
from apps.alerts.routing import flushing
from apps.alerts.services import rules
from apps.alerts.suppression import Kind, Suppression

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_rules")]


@pytest.fixture
def hold(monkeypatch):
    """Holds hosts back by name, as a silence would."""
    held: set[str] = set()

    def judge(episodes, at, *, route=None):
        return {
            one.pk: Suppression(Kind.SILENCED, "silence:1", "Maintenance")
            if one.labels["host"] in held
            else None
            for one in episodes
        }

    monkeypatch.setattr(flushing, "judge", judge)
    return held


def test_warnings_wait_for_company_and_leave_in_one_message(desk, team):
    desk.fire("a", service_name="shop")
    desk.wait(10)
    desk.fire("b", service_name="shop")
    assert desk.said() == []
    desk.wait(20)
    assert desk.said() == [("first", ["a", "b"], [])]
    assert desk.decided("b") == [("notified", "first")]


def test_the_first_critical_does_not_wait_its_company_follows_and_then_the_interval(desk, team):
    desk.fire("a", severity="critical")
    assert desk.said() == [("first", ["a"], [])]
    desk.wait(5)
    desk.fire("b", "c", severity="critical")
    desk.wait(20)
    assert len(desk.said()) == 1
    desk.wait(5)
    assert desk.said()[1:] == [("new", ["a", "b", "c"], [])]
    desk.fire("d", severity="critical")
    desk.wait(295)
    assert len(desk.said()) == 2
    desk.wait(5)
    assert desk.said()[2:] == [("new", ["a", "b", "c", "d"], [])]


def test_after_a_quiet_interval_a_critical_need_not_wait_for_the_timer(desk, team):
    desk.fire("a", severity="critical")
    desk.wait(30 + 300 + 100)
    desk.fire("b", severity="critical")
    assert [reason for reason, *_ in desk.said()] == ["first", "new"]


def test_the_first_critical_among_warnings_does_not_wait(desk, team):
    desk.fire("a")
    desk.wait(40)
    desk.fire("b", severity="critical")
    assert desk.said()[1:] == [("new", ["a", "b"], [])]


def test_a_critical_waits_where_its_route_says_so(desk, team):
    Route.objects.update(critical_at_once=False)
    desk.fire("a", severity="critical")
    assert desk.said() == []
    desk.wait(30)
    assert len(desk.said()) == 1


def test_what_ends_before_the_first_message_is_never_told_but_explained(desk, team):
    desk.fire("a", "b")
    desk.end("a")
    desk.wait(30)
    assert desk.said() == [("first", ["b"], [])]
    assert desk.decided("a") == [("skipped", "ended_early")]


def test_one_end_waits_for_the_interval_and_the_end_of_all_is_told_at_once(desk, team):
    desk.fire("a", "b")
    desk.wait(30)
    desk.end("a")
    desk.wait(295)
    assert len(desk.said()) == 1
    desk.wait(5)
    assert desk.said()[1:] == [("resolved", ["b"], ["a"])]
    desk.end("b")
    assert desk.said()[2:] == [("all_resolved", [], ["b"])]
    assert [row.purpose for row in Notification.objects.order_by("pk")] == [
        "firing", "firing", "resolved",
    ]  # fmt: skip
    assert AlertGroup.objects.get().next_flush_at is None
    desk.wait(600)
    assert len(desk.said()) == 3


def test_nothing_new_is_repeated_after_the_repeat_interval_at_a_flush(desk, team):
    Route.objects.update(repeat_interval_s=400)
    desk.fire("a")
    desk.wait(30)
    # 300 s is too early, and it is looked at only at a flush: 600.
    desk.wait(595)
    assert len(desk.said()) == 1
    desk.wait(5)
    assert desk.said()[1:] == [("repeat", ["a"], [])]
    assert desk.decided("a") == [("notified", "first"), ("notified", "repeat")]


def test_a_rise_in_severity_is_told_again_and_a_fall_is_not(desk, team):
    desk.fire("a")
    desk.wait(30)
    desk.rise("a")
    assert desk.said()[1:] == [("raised", ["a"], [])]
    Episode.objects.update(severity="warning")
    desk.wait(600)
    desk.rise("a")
    desk.wait(600)
    assert len(desk.said()) == 2


def test_muted_ended_and_firing_again_is_told(desk, team, hold):
    """What Alertmanager drops: it hashes labels, and a group that is all muted leaves no trace."""
    desk.fire("a")
    desk.wait(30)
    hold.add("a")
    desk.wait(300)
    desk.end("a")
    hold.clear()
    desk.wait(60)
    # Far within the repeat interval, the same labels fire again.
    desk.fire("a")
    desk.wait(30)
    assert [(reason, firing) for reason, firing, _ in desk.said()] == [
        ("first", ["a"]), ("all_resolved", []), ("first", ["a"]),
    ]  # fmt: skip


def test_where_ends_are_not_told_the_log_forgets_them_all_the_same(desk, team, hold):
    Receiver.objects.update(send_resolved=False)
    desk.fire("a")
    desk.wait(30)
    hold.add("a")
    desk.wait(300)
    desk.end("a")
    assert desk.decided("a")[-1] == ("skipped", "end_not_wanted")
    hold.clear()
    desk.fire("a")
    desk.wait(30)
    assert [reason for reason, *_ in desk.said()] == ["first", "first"]


def test_what_is_held_back_is_explained_once_and_told_when_that_is_over(desk, team, hold):
    hold.add("a")
    desk.fire("a", "b")
    desk.wait(30 + 600)
    assert desk.said() == [("first", ["b"], [])]
    assert desk.decided("a") == [("suppressed", "silenced")]
    why = Decision.objects.get(episode=desk.names["a"])
    assert (why.by, why.detail["text"]) == ("silence:1", "Maintenance")
    hold.clear()
    desk.wait(300)
    assert desk.said()[1:] == [("new", ["a", "b"], [])]
    # Told, silenced, and still firing after that: said again.
    hold.add("b")
    desk.wait(300)
    hold.clear()
    desk.wait(300)
    assert desk.said()[2:] == [("unmuted", ["a", "b"], [])]


def test_a_flush_comes_when_what_holds_back_is_over(desk, team, monkeypatch):
    until = desk.now + timedelta(seconds=90)

    def judge(episodes, at, *, route=None):
        held = Suppression(Kind.SILENCED, "silence:1", "", until) if at < until else None
        return {one.pk: held for one in episodes}

    monkeypatch.setattr(flushing, "judge", judge)
    desk.fire("a")
    desk.wait(85)
    assert desk.said() == []
    desk.wait(5)
    assert desk.said() == [("first", ["a"], [])]


def test_the_end_is_told_to_whoever_was_told_even_when_the_receiver_has_changed(desk, team, hook):
    desk.fire("a")
    desk.wait(30)
    team.channels.set([hook("new")])
    desk.end("a")
    assert [row.channel.name for row in Notification.objects.order_by("pk")] == ["team", "team"]


def test_the_end_reaches_those_who_were_told_beside_news_for_others(desk, team, hook):
    desk.fire("a", "b")
    desk.wait(30)
    team.channels.set([hook("new")])
    desk.end("a")
    desk.fire("c")
    desk.wait(300)
    told = [(r.reason, r.purpose, r.channel.name) for r in Notification.objects.order_by("pk")]
    assert told[1:] == [("new", "firing", "new"), ("resolved", "resolved", "team")]


def test_groups_are_kept_apart_by_label_and_route(desk, team, root, receiver_of, hook):
    Route.objects.create(
        parent=root, name="db", receiver=receiver_of("dba", hook("dba")), goes_on=True,
        stored_matchers=[{"name": "service.name", "op": "=", "value": "db"}],
    )  # fmt: skip
    Route.objects.create(
        parent=root, name="rest", position=200,
        stored_matchers=[{"name": "service.name", "op": "=~", "value": "db|shop"}],
    )  # fmt: skip
    desk.fire("a", service_name="shop")
    desk.fire("b", service_name="db")
    desk.wait(30)
    groups = {(g.route.name, g.receiver.name, str(g)) for g in AlertGroup.objects.all()}
    assert groups == {
        ("rest", "team", "service.name=shop"), ("rest", "team", "service.name=db"),
        ("db", "dba", "service.name=db"),
    }  # fmt: skip
    assert len(desk.said()) == 3


def test_a_rise_that_leads_to_another_route_is_told_there_and_the_end_to_both(
    desk, team, root, receiver_of, hook
):
    Route.objects.create(
        parent=root, name="pages", receiver=receiver_of("oncall", hook("oncall")),
        stored_matchers=[{"name": "severity", "op": "=", "value": "critical"}],
    )  # fmt: skip
    desk.fire("a", "b")
    desk.wait(30)
    desk.rise("a")
    assert desk.said()[1:] == [("first", ["a"], [])]
    desk.wait(300)
    assert len(desk.said()) == 2
    desk.end("a", "b")
    assert sorted(reason for reason, *_ in desk.said()[2:]) == ["all_resolved", "all_resolved"]


def test_a_rise_before_the_first_message_moves_the_alert(desk, team, root, receiver_of, hook):
    Route.objects.create(
        parent=root, name="pages", receiver=receiver_of("oncall", hook("oncall")),
        stored_matchers=[{"name": "severity", "op": "=", "value": "critical"}],
    )  # fmt: skip
    desk.fire("a")
    desk.rise("a")
    desk.wait(60)
    assert len(desk.said()) == 1
    assert desk.decided("a") == [("skipped", "moved"), ("notified", "first")]


def test_an_alert_nobody_is_told_of_says_so_once(desk, root):
    desk.fire("a")
    desk.rise("a")
    desk.end("a")
    assert desk.decided("a") == [("unrouted", "no_receiver")]
    assert Decision.objects.get().by == "All alerts"


def test_a_receiver_without_channels_is_said_and_made_good_when_it_gets_one(desk, team, hook):
    team.channels.clear()
    desk.fire("a")
    desk.wait(400)
    assert desk.decided("a") == [("unrouted", "no_channels")]
    team.channels.set([hook("late")])
    desk.wait(300)
    assert desk.said() == [("first", ["a"], [])]


def test_a_group_that_cannot_be_flushed_holds_up_no_other_and_is_tried_again(
    desk, team, monkeypatch
):
    real = flushing._Flush._judge

    def broken(self):
        if self.group.labels == {"service.name": "bad"}:
            raise ValueError("nonsense")
        real(self)

    monkeypatch.setattr(flushing._Flush, "_judge", broken)
    desk.fire("a", service_name="bad")
    desk.fire("b", service_name="good")
    desk.wait(30)
    assert desk.said() == [("first", ["b"], [])]
    bad = AlertGroup.objects.get(labels={"service.name": "bad"})
    assert bad.last_error == "ValueError: nonsense"
    first = bad.failing_since
    desk.wait(30)
    bad.refresh_from_db()
    assert bad.failing_since == first is not None
    monkeypatch.undo()
    desk.wait(30)
    assert len(desk.said()) == 2
    bad.refresh_from_db()
    assert (bad.last_error, bad.failing_since) == ("", None)


def test_an_alert_that_cannot_be_matched_is_told_to_the_root_and_holds_up_no_other(
    desk, team, monkeypatch
):
    real = routing.placing.labels_of

    def broken(episode):
        if episode.labels["host"] == "bad":
            raise ValueError("nonsense")
        return real(episode)

    monkeypatch.setattr(routing.placing, "labels_of", broken)
    desk.fire("bad", "b")
    desk.wait(30)
    assert desk.decided("bad") == [("failed", "error"), ("notified", "first")]
    assert desk.said() == [("first", ["b", "bad"], [])]
    assert not Enrolment.objects.exists()


def test_a_deleted_receiver_or_rule_still_tells_the_end(desk, team, root):
    desk.fire("a")
    desk.wait(30)
    Route.objects.update(receiver=None)
    team.delete()
    desk.end("a")
    assert [reason for reason, *_ in desk.said()] == ["first", "all_resolved"]


def test_a_rules_own_channels_stand_beside_the_tree(desk, team, make_rule, hook):
    rule = make_rule(hook("own"))
    Route.objects.update(receiver=None)
    episode = desk.fire("a")[0]
    assert desk.said() == []
    Episode.objects.filter(pk=episode.pk).update(rule=rule)
    routing.enrol([episode], [], desk.now)
    desk.run()
    assert desk.said() == [("first", ["a"], [])]
    assert str(AlertGroup.objects.get()) == "alertname=CPU"
    assert Rule.objects.count() == 1


def test_a_channel_that_is_the_rules_and_the_routes_hears_it_once(desk, team, make_rule, hook):
    rule = make_rule(*team.channels.all(), hook("own"))
    episode = desk.fire("a")[0]
    Episode.objects.filter(pk=episode.pk).update(rule=rule)
    routing.enrol([episode], [], desk.now)
    desk.run()
    desk.wait(60)
    desk.end("a")
    desk.wait(300)
    told = Notification.objects.order_by("pk").values_list("channel__name", "purpose")
    assert sorted(told) == [
        ("own", "firing"), ("own", "resolved"), ("team", "firing"), ("team", "resolved"),
    ]  # fmt: skip


def test_a_channel_that_is_the_rules_and_the_routes_is_reminded_once(desk, team, make_rule, hook):
    rule = make_rule(*team.channels.all())
    episode = desk.fire("a")[0]
    Episode.objects.filter(pk=episode.pk).update(rule=rule)
    routing.enrol([episode], [], desk.now)
    desk.run()
    desk.wait(60)
    for _hour in range(5):
        desk.now += timedelta(hours=1)
        desk.run()
    assert [reason for reason, *_ in desk.said()] == ["first", "repeat"]


def test_what_fires_when_its_rule_gets_a_channel_is_told_then(desk, root, make_rule, hook):
    rule = make_rule()
    episode = desk.fire("a")[0]
    Episode.objects.filter(pk=episode.pk).update(rule=rule)
    routing.enrol([episode], [], desk.now)
    desk.run()
    assert desk.said() == []
    rules.save(rule, "ann", before=rules.snapshot(rule), channels=[hook("late")])
    desk.run()
    assert desk.said() == [("first", ["a"], [])]
