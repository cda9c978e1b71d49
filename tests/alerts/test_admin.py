"""The pages of the alert engine."""

from datetime import date, time

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.alerts import queries
from apps.alerts.models import (
    Attempt,
    Channel,
    Episode,
    EpisodeEvent,
    EscalationPolicy,
    EscalationStep,
    Layer,
    LayerMember,
    Notification,
    Rule,
    RuleVersion,
    Schedule,
    Team,
    Unit,
)
from apps.alerts.services import channels, rules
from apps.core.models import AuditEntry
from tests.alerts.conftest import T0
from tests.alerts.test_api import make_episode

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_rules", "no_wake_ups")]

RULE = {
    "name": "Queue", "summary": "", "enabled": "on", "metric": "celery.queue.age",
    "aggregation": "avg", "scope": "{}", "by": "", "window_s": "60", "min_samples": "0",
    "numerator_scope": "{}", "remainder_scope": "{}", "direction": "above", "warning": "30",
    "critical": "60", "for_s": "0", "keep_firing_for_s": "0", "interval_s": "15",
    "no_data": "keep_last", "versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0",
}  # fmt: skip
URL = "https://hooks.example.com/services/s3cr3t-path"


def page(model: str, view: str = "", pk: object = None) -> str:
    middle = f"{pk}/" if pk else ""
    return f"/admin/alerts/{model}/{middle}{view}"


def owe(number: int, channel: Channel, episode: Episode | None = None, **fields) -> Notification:
    row = Notification.objects.create(
        key=f"k{number}", channel=channel, kind=channel.kind, purpose="firing",
        payload={"purpose": "firing"}, episode=episode, **fields,
    )  # fmt: skip
    Attempt.objects.create(notification=row, number=1, outcome="ok", status_code=200)
    return row


def test_a_rule_is_made_and_changed_in_the_admin_and_audited(staff_client, channel):
    answer = staff_client.post(page("rule", "add/"), {**RULE, "channels": [channel.pk]})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    rule = Rule.objects.get()
    assert list(rule.channels.all()) == [channel]
    answer = staff_client.post(page("rule", "change/", rule.pk), {**RULE, "warning": "40"})
    assert answer.status_code == 302
    made, changed = RuleVersion.objects.order_by("version")
    assert (made.actor, made.before, made.after["warning"]) == ("staff", None, 30)
    assert (changed.before["warning"], changed.after["warning"]) == (30, 40)
    assert changed.before["channels"][0]["target"] == "https://hooks.example.com/***"
    assert changed.after["channels"] == []
    shown = staff_client.get(page("rule", "change/", rule.pk)).content.decode()
    assert "warning: 30.0 → 40.0" in shown
    assert Rule.objects.get().version == 2


def test_saving_a_rule_does_not_turn_back_what_evaluations_wrote(staff_client, make_rule):
    rule = make_rule()
    Rule.objects.update(last_tick=T0, errors_in_row=2)
    staff_client.post(page("rule", "change/", rule.pk), {**RULE, "warning": "40"})
    rule.refresh_from_db()
    assert (rule.last_tick, rule.errors_in_row, rule.warning) == (T0, 2, 40)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"warning": "", "critical": ""}, "Give a warning threshold"),
        ({"warning": "90", "critical": "80"}, "critical lies above"),
        ({"aggregation": "ratio"}, "needs a numerator scope"),
        ({"scope": "[1]"}, "A scope is an object"),
        ({"interval_s": "1"}, "greater than or equal to 5"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_beside_its_form(staff_client, change, words):
    answer = staff_client.post(page("rule", "add/"), {**RULE, **change})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Rule.objects.exists()


def test_rules_are_switched_off_on_and_deleted_from_the_list(staff_client, bench):
    bench.tick(0.95)
    act = {"_selected_action": [bench.rule.pk]}
    staff_client.post(page("rule"), {**act, "action": "disable"})
    assert not Rule.objects.get().enabled
    assert Episode.objects.get().end_reason == "paused"
    staff_client.post(page("rule"), {**act, "action": "enable"})
    assert Rule.objects.get().enabled
    bench.tick(0.95)
    staff_client.post(page("rule"), {**act, "action": "delete_selected", "post": "yes"})
    assert not Rule.objects.exists()
    assert {e.state for e in Episode.objects.all()} == {"resolved"}
    assert RuleVersion.objects.order_by("pk").last().after is None


def test_one_rule_is_deleted_from_its_page(staff_client, make_rule):
    rule = make_rule()
    staff_client.post(page("rule", "delete/", rule.pk), {"post": "yes"})
    assert not Rule.objects.exists()
    assert RuleVersion.objects.get().actor == "staff"


def test_a_channel_shows_its_target_masked_and_its_secret_once(staff_client):
    form = {"name": "Team", "kind": "webhook", "new_target": URL, "enabled": "on"}
    answer = staff_client.post(page("channel", "add/"), form, follow=True)
    channel = Channel.objects.get()
    assert channel.target == URL
    assert channel.secret in answer.content.decode()
    for address in (page("channel"), page("channel", "change/", channel.pk)):
        shown = staff_client.get(address).content.decode()
        assert "https://hooks.example.com/***" in shown
        assert "s3cr3t" not in shown
        assert channel.secret not in shown
    history = staff_client.get(page("channel", "history/", channel.pk)).content.decode()
    assert "s3cr3t" not in history


def test_a_channel_keeps_its_target_when_none_is_typed(staff_client, channel):
    form = {"name": "Renamed", "kind": "webhook", "new_target": "", "enabled": "on"}
    staff_client.post(page("channel", "change/", channel.pk), form)
    kept = Channel.objects.get()
    assert (kept.name, kept.target) == ("Renamed", channel.target)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "webhook", "new_target": ""}, "Enter where messages go"),
        ({"kind": "webhook", "new_target": "ftp://x"}, "begins with http"),
        ({"kind": "email", "new_target": "nobody"}, "not an e-mail address"),
        ({"kind": "webhook", "new_target": URL}, "already"),
    ],
)
def test_a_wrong_target_is_refused_beside_its_field(staff_client, channel, form, words):
    answer = staff_client.post(page("channel", "add/"), {"name": "x", **form})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Channel.objects.count() == 1


def test_a_channel_cannot_keep_its_target_under_another_kind(staff_client, channel):
    form = {"name": "x", "kind": "email", "new_target": ""}
    answer = staff_client.post(page("channel", "change/", channel.pk), form)
    assert "Enter where messages go" in answer.content.decode()
    assert Channel.objects.get().kind == "webhook"


def test_a_test_message_and_a_new_secret_are_one_action_away(staff_client, channel):
    act = {"_selected_action": [channel.pk]}
    staff_client.post(page("channel"), {**act, "action": "send_test"})
    assert Notification.objects.get().purpose == "test"
    answer = staff_client.post(page("channel"), {**act, "action": "new_secret"}, follow=True)
    renewed = Channel.objects.get()
    assert renewed.sealed_secret != channel.sealed_secret
    assert renewed.secret in answer.content.decode()


def test_an_episode_shows_its_timeline_and_its_messages(staff_client, channel):
    episode = make_episode(1, labels={"host": "web-1"})
    EpisodeEvent.objects.create(episode=episode, at=T0, kind="fired", detail={"value": 0.95})
    owe(1, channel, episode)
    shown = staff_client.get(page("episode", "change/", episode.pk)).content.decode()
    assert "host=web-1" in shown
    assert "It fires" in shown
    assert "value 0.95" in shown
    assert "Firing" in shown


def test_a_finished_message_is_sent_again_and_one_on_its_way_is_not(staff_client, channel):
    done, moving = owe(1, channel, state="dead"), owe(2, channel, state="sending")
    act = {"action": "resend", "_selected_action": [done.pk, moving.pk]}
    answer = staff_client.post(page("notification"), act, follow=True)
    done.refresh_from_db()
    assert (done.state, done.may_repeat) == ("pending", True)
    assert "still on its way" in answer.content.decode()
    shown = staff_client.get(page("notification", "change/", done.pk)).content.decode()
    assert "200" in shown


def test_history_cannot_be_changed_by_anyone(staff_client, channel):
    episode = make_episode(1)
    row = owe(1, channel)
    for model, pk in (("episode", episode.pk), ("notification", row.pk)):
        assert staff_client.get(page(model, "add/")).status_code == 403
        assert staff_client.post(page(model, "change/", pk), {}).status_code == 403
        assert staff_client.post(page(model, "delete/", pk), {"post": "yes"}).status_code == 403


def test_a_viewer_sees_and_changes_nothing(client, channel, make_rule):
    make_rule()
    row = owe(1, channel, state="dead")
    viewer = User.objects.create_user("ann", is_staff=True)
    viewer.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_", content_type__app_label="alerts")
    )
    client.force_login(viewer)
    for model in ("rule", "channel", "episode", "notification"):
        assert client.get(page(model)).status_code == 200
    for model, action, pk in (
        ("rule", "disable", Rule.objects.get().pk),
        ("channel", "send_test", channel.pk),
        ("channel", "new_secret", channel.pk),
        ("notification", "resend", row.pk),
    ):
        client.post(page(model), {"action": action, "_selected_action": [pk]})
    row.refresh_from_db()
    assert row.state == "dead"
    assert Rule.objects.get().enabled
    assert Notification.objects.count() == 1
    assert Channel.objects.get().sealed_secret == channel.sealed_secret


@pytest.mark.parametrize("model", ["rule", "channel", "episode", "notification"])
def test_a_list_costs_the_same_however_long_it_is(staff_client, model, make_rule, monkeypatch):
    def fill(start: int) -> None:
        for number in range(start, start + 15):
            rule = make_rule(name=f"r{number}") if model == "rule" else None
            channel = channels.ensure("email", f"a{number}@example.com")
            episode = make_episode(number, rule=rule)
            owe(number, channel, episode)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff_client.get(page(model)).status_code == 200
        return len(captured)

    # The sidebar's count asks the database every few seconds, whatever page is open.
    monkeypatch.setattr("portal.overview.badges._KEPT_S", 3600.0)
    make_episode(1000)
    fill(0)
    if model == "rule":
        Rule.objects.all()
    staff_client.get(page(model))
    few = cost()
    make_channel = channels.ensure("email", "last@example.com")
    for number in range(100, 120):
        owe(number, make_channel, make_episode(number))
    assert cost() == few
    assert few <= 12


def _with_rows(number: int, channel: Channel) -> list[str]:
    """The addresses of forms whose rows, or choices, are so many of each kind."""
    people = [User.objects.create_user(f"p{number}-{n}") for n in range(number)]
    policy = EscalationPolicy.objects.create(name=f"policy {number}", catch_all=channel)
    duty = Schedule.objects.create(name=f"duty {number}", zone="UTC")
    team = Team.objects.create(name=f"team {number}", channel=channel)
    team.members.set(people)
    for n, person in enumerate(people):
        for kind, target in (
            ("user", {"person": person}), ("team", {"team": team}),
            ("channel", {"channel": channel}),
            ("schedule", {"schedule": duty}),
        ):  # fmt: skip
            EscalationStep.objects.create(policy=policy, position=n, kind=kind, **target)
        layer = Layer.objects.create(
            schedule=duty, name=f"layer {n}", priority=n + 1, starts_on=date(2026, 1, 1),
            handoff=time(9), every=1, unit=Unit.WEEKS,
        )  # fmt: skip
        LayerMember.objects.create(layer=layer, person=person, position=0)
    return [f"escalationpolicy/{policy.pk}", f"schedule/{duty.pk}", f"team/{team.pk}"]


def test_a_form_costs_the_same_however_many_rows_it_has(staff_client, channel, monkeypatch):
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            page = staff_client.get(f"/admin/alerts/{address}/change/")
        assert page.status_code == 200, address
        return len(queries)

    # The sidebar's count asks the database every few seconds, whatever page is open.
    monkeypatch.setattr("portal.overview.badges._KEPT_S", 3600.0)
    # The first round also reads what stays in memory.
    _first, few, many = ([cost(one) for one in _with_rows(n, channel)] for n in (1, 2, 5))
    assert few == many
    assert max(many) <= 28


def test_open_episodes_are_critical_first_then_newest(make_rule):
    rule = make_rule(unhealthy_since=T0, last_error="broken")
    make_episode(1, fired_at=T0)
    make_episode(2, started_at=T0.replace(minute=5))
    make_episode(3, severity="critical", fired_at=T0, rule=rule, state="recovering")
    make_episode(4, state="pending")
    make_episode(5, state="resolved")
    found = queries.open_episodes(10)
    assert [one.rule for one in found] == ["rule 3", "rule 2", "rule 1"]
    assert (found[0].stale_since, found[1].stale_since) == (T0, None)
    assert found[0].aggregation == "avg"
    assert len(queries.open_episodes(1)) == 1
    (trouble,) = queries.unhealthy_rules()
    assert (trouble.name, trouble.error) == ("CPU", "broken")


def test_a_rule_is_brought_back_and_test_fired_by_a_button(staff_client, make_rule, channel):
    rule = make_rule(channel, warning=0.5)
    before = rules.snapshot(rule)
    rule.warning = 0.7
    rules.save(rule, "ann", before=before)
    rule.warning = 0.8
    rules.save(rule, "ann", before={**before, "warning": 0.7})
    address = page("rule", "change/", rule.pk)
    shown = staff_client.get(address).content.decode()
    back = f"/admin/alerts/rule/{rule.pk}/restore/2/"
    assert f'formaction="{back}"' in shown
    assert f"/{rule.pk}/restore/3/" not in shown  # it is in force
    answer = staff_client.post(back, follow=True)
    assert "Version 2 is in force again, as version 4." in answer.content.decode()
    rule.refresh_from_db()
    assert (rule.warning, rule.version) == (0.7, 4)
    entry = AuditEntry.objects.filter(action="rule.update").latest("pk")
    assert (entry.target, entry.after["warning"]) == (rule.name, 0.7)
    assert staff_client.get(back).status_code == 405
    assert staff_client.post(f"/admin/alerts/rule/{rule.pk}/restore/77/").status_code == 404
    test = f"/admin/alerts/rule/{rule.pk}/test/"
    assert f'formaction="{test}"' in shown
    told = staff_client.post(test, follow=True).content.decode()
    assert f"A test goes to: {channel.name}." in told
    assert Notification.objects.get().payload["test"] is True


def test_who_may_only_look_at_rules_has_no_buttons_for_them(client, make_rule, channel):
    rule = make_rule(channel)
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(
        Permission.objects.filter(codename__in=["view_rule", "view_ruleversion"])
    )
    client.force_login(looker)
    assert b"/restore/" not in client.get(page("rule", "change/", rule.pk)).content
    for verb in ("restore/1/", "test/"):
        assert client.post(f"/admin/alerts/rule/{rule.pk}/{verb}").status_code == 403
    assert not Notification.objects.exists()
