"""From figures to episodes, events and rows of the outbox."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.urls import reverse

from apps.alerts.clock import db_now, tick_at
from apps.alerts.evaluation import evaluate_due
from apps.alerts.evaluation.reading import fingerprint, read
from apps.alerts.models import (
    Episode,
    EpisodeEvent,
    Instance,
    Notification,
    Rule,
    SeenSeries,
    Tick,
)
from apps.alerts.routing import route
from apps.alerts.services import channels, housekeeping, rules
from apps.alerts.tasks import evaluate_rules
from tests.alerts.conftest import T0, Bench

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]


def test_a_tick_is_a_whole_number_of_intervals_and_never_lies_ahead():
    for second in range(0, 40, 3):
        now = T0 + timedelta(seconds=second)
        tick = tick_at(now, 15, 7)
        assert tick <= now < tick + timedelta(seconds=15)
        assert (tick.timestamp() - 7) % 15 == 0


def test_a_breach_opens_an_episode_and_owes_one_message_to_each_channel(make_rule, channel, source):
    other = channels.ensure("email", "oncall@example.com")
    bench = Bench(make_rule(channel, other), source)
    bench.tick(0.95)
    episode = Episode.objects.get()
    assert (episode.state, episode.severity, episode.value) == ("firing", "critical", 0.95)
    assert (episode.threshold, episode.unit) == (0.9, "1")
    assert episode.fired_at == Tick.objects.get().tick
    rows = Notification.objects.all()
    assert {row.kind for row in rows} == {"webhook", "email"}
    assert {row.priority for row in rows} == {0}
    assert [event.kind for event in episode.events.all()] == ["opened", "fired"]


def test_a_steady_breach_says_so_once(bench):
    bench.tick(0.95, times=20)
    assert Notification.objects.count() == 1
    assert Episode.objects.count() == 1


def test_for_is_counted_in_ticks_observed(make_rule, channel, source):
    bench = Bench(make_rule(channel, for_s=60), source)
    bench.tick(0.95, times=4)
    assert Episode.objects.get().state == "pending"
    assert not Notification.objects.exists()
    bench.tick(0.95)
    assert Episode.objects.get().state == "firing"
    assert Notification.objects.count() == 1


def test_after_an_outage_of_the_portal_a_pending_alert_does_not_fire_on_time_nobody_watched(
    make_rule, channel, source
):
    bench = Bench(make_rule(channel, for_s=300), source)
    bench.tick(0.95, times=2)
    bench.now += timedelta(hours=1)
    summary = bench.tick(0.95)
    assert Episode.objects.get().state == "pending"
    assert summary.skipped == 240
    assert Tick.objects.latest("tick").skipped == 240


def test_after_a_minute_without_the_store_nothing_is_resolved_for_what_is_not_there_yet(
    make_rule, channel, source
):
    bench = Bench(make_rule(channel, by=["host"]), source)
    bench.tick(0.95, 0.95)
    bench.now += timedelta(seconds=60)
    # Only one of the two has reported again; then none.
    bench.tick(0.95, times=3)
    bench.tick(times=2)
    assert Episode.objects.filter(state="firing").count() == 2
    # Once a whole window lies behind, silence counts again.
    bench.tick(0.95, times=8)
    assert Episode.objects.get(end_reason="missing_series").state == "resolved"
    assert Episode.objects.filter(state="firing").count() == 1


def test_resolved_goes_to_whoever_heard_of_it_even_after_the_channels_changed(bench, channel):
    bench.tick(0.95)
    bench.rule.channels.clear()
    bench.tick(0.1)
    episode = Episode.objects.get()
    assert (episode.state, episode.end_reason, episode.peak) == ("resolved", "ok", 0.95)
    sent = list(Notification.objects.order_by("pk").values_list("purpose", "channel"))
    assert sent == [("firing", channel.pk), ("resolved", channel.pk)]
    payload = Notification.objects.get(purpose="resolved").payload
    assert payload["duration_s"] == 15
    assert payload["breaches"][0]["worst"] == 0.95


def test_nobody_is_told_of_the_end_of_what_nobody_was_told_of(make_rule, source):
    bench = Bench(make_rule(), source)
    bench.tick(0.95)
    bench.tick(0.1)
    assert Episode.objects.get().state == "resolved"
    assert not Notification.objects.exists()


def test_a_rise_in_severity_is_told_and_a_fall_is_not(bench):
    for value in (0.85, 0.95, 0.85, 0.95, 0.85):
        bench.tick(value)
    told = list(Notification.objects.order_by("pk").values_list("purpose", "severity"))
    assert told == [("firing", "warning"), ("firing", "critical")]
    assert Episode.objects.get().severity == "warning"
    bench.tick(0.1)
    assert Notification.objects.filter(purpose="resolved").count() == 1


def test_a_message_lists_every_breached_metric_of_the_rule(bench):
    Rule.objects.update(by=["host"])
    bench.tick(0.85, 0.95, 0.1)
    payload = Notification.objects.filter(severity="critical").get().payload
    listed = [(b["labels"], b["value"], b["threshold"], b["severity"]) for b in payload["breaches"]]
    assert listed == [
        ({"host": "h1"}, 0.95, 0.9, "critical"),
        ({}, 0.85, 0.8, "warning"),
    ]
    assert payload["url"].endswith(
        reverse("admin:alerts_episode_change", args=[payload["episode"]])
    )


def test_labels_have_one_fingerprint_whatever_their_order():
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    assert fingerprint({"a": "1"}) != fingerprint({"a": "2"})


def ratio_source(source, kind, **counts):
    source.kind = kind

    def answer(query):
        assert query.aggregation == ("increase" if kind == "sum" else "count")
        state = query.scope.get("state", "all")
        return [({"route": "/a"}, counts[state])] if state in counts else []

    source.answer = answer


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        ({"all": 200, "bad": 30}, 0.15),
        ({"all": 200}, 0.0),  # traffic without errors is a true zero
        ({"all": 0, "bad": 0}, None),
        ({"all": None, "bad": None}, None),
        ({"all": 99, "bad": 99}, None),  # too few to judge
    ],
)
def test_a_share_of_all_events_needs_events(make_rule, source, counts, value):
    rule = make_rule(
        aggregation="ratio", numerator_scope={"state": "bad"}, by=["route"], min_samples=100
    )
    ratio_source(source, "histogram", **counts)
    assert [one.value for one in read(rule, source).values()] == [value]


def test_a_share_among_two_kinds_of_events_ignores_the_others(make_rule, source):
    rule = make_rule(
        aggregation="ratio", numerator_scope={"state": "hit"}, remainder_scope={"state": "miss"}
    )
    ratio_source(source, "sum", all=5000, hit=60, miss=40)
    assert [one.value for one in read(rule, source).values()] == [0.6]
    ratio_source(source, "sum", all=5000)
    assert [one.value for one in read(rule, source).values()] == [None]


def test_a_percentile_over_too_few_requests_is_no_verdict(make_rule, source):
    rule = make_rule(aggregation="p95", min_samples=20)
    counts = {"p95": 3.5, "count": 19}
    source.answer = lambda query: [({}, counts[query.aggregation])]
    assert [one.value for one in read(rule, source).values()] == [None]
    counts["count"] = 20
    assert [one.value for one in read(rule, source).values()] == [3.5]


def test_the_scope_of_a_rule_is_part_of_the_labels(make_rule, source):
    source.values = [({"host": "a"}, 1.0)]
    (one,) = read(make_rule(scope={"env": "prod"}), source).values()
    assert one.labels == {"env": "prod", "host": "a"}


def test_the_same_tick_is_never_judged_twice(bench, source):
    bench.tick(0.95)
    Rule.objects.update(next_eval_at=T0)
    asked = source.asked
    assert evaluate_due(source, lambda: bench.now).evaluated == 0
    assert source.asked == asked
    assert Rule.objects.get().next_eval_at > bench.now


def test_switching_a_rule_off_ends_its_alert_and_tells_so(bench):
    bench.tick(0.95)
    rules.switch(Rule.objects.all(), "staff", on=False)
    assert Episode.objects.get().end_reason == "paused"
    route(lambda: bench.now)
    assert Notification.objects.get(purpose="resolved").payload["reason"] == "paused"
    bench.tick(0.95)
    assert Tick.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"scope": {"env": "prod"}}, []),
        ({"scope": {"host": "h*"}}, ["h1", "h2"]),
        ({"scope": {"host": "h1"}}, ["h1"]),
        ({"by": ["host", "disk"]}, []),
        ({"metric": "queue.age"}, []),
        ({"critical": 0.8, "window_s": 120}, ["h1", "h2"]),
    ],
)
def test_alerts_of_what_a_changed_rule_no_longer_watches_end_and_that_is_told(
    make_rule, channel, source, change, left
):
    bench = Bench(make_rule(channel, by=["host"]), source)
    source.answer = lambda _: [({"host": name}, 0.95) for name in ("h1", "h2")]
    bench.tick()
    SeenSeries.objects.create(rule=bench.rule, fingerprint="f", first_seen=T0, last_seen=T0)
    rule = Rule.objects.get()
    before = rules.snapshot(rule)
    for name, value in change.items():
        setattr(rule, name, value)
    rules.save(rule, "ann", before=before)
    source.answer = lambda _: []  # and nothing is known of the new ones
    bench.tick(times=3)
    firing = Episode.objects.filter(state="firing").values_list("labels__host", flat=True)
    assert sorted(firing) == left
    ended = Episode.objects.exclude(state="firing")
    assert {one.end_reason for one in ended} <= {"changed"}
    # What it remembered of series was of others too, unless only its limits moved.
    assert SeenSeries.objects.exists() is ("critical" in change)


def test_deleting_a_rule_keeps_its_history_and_ends_its_alert(bench):
    bench.tick(0.95)
    rules.delete(bench.rule, "staff")
    episode = Episode.objects.get()
    assert (episode.rule, episode.rule_name, episode.state) == (None, "CPU", "resolved")
    route(lambda: bench.now)
    assert Notification.objects.filter(purpose="resolved").count() == 1
    assert not Instance.objects.exists()


def test_raising_for_does_not_unpage(bench):
    bench.tick(0.95)
    Rule.objects.update(for_s=3600)
    bench.tick(0.95)
    assert Episode.objects.get().state == "firing"
    assert not EpisodeEvent.objects.exclude(kind__in=["opened", "fired"]).exists()


def test_an_evaluation_costs_a_bounded_number_of_statements(bench, django_assert_max_num_queries):
    bench.source.values = [({"host": f"h{n}"}, 0.95) for n in range(100)]
    bench.now += timedelta(seconds=15)
    with django_assert_max_num_queries(24):
        evaluate_due(bench.source, lambda: bench.now)
    assert Episode.objects.count() == 100
    bench.now += timedelta(seconds=15)
    with django_assert_max_num_queries(17):
        evaluate_due(bench.source, lambda: bench.now)


def test_an_outage_of_the_database_is_raised_and_leaves_nothing_half_done(bench, monkeypatch):
    def fail(*args):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("apps.alerts.evaluation.batch._judge_all", fail)
    monkeypatch.setattr(type(connections["default"]), "is_usable", lambda self: False)
    with pytest.raises(OperationalError):
        bench.tick(0.95)
    assert not Tick.objects.exists()
    monkeypatch.undo()
    assert evaluate_due(bench.source, lambda: bench.now).evaluated == 1
    assert Episode.objects.get().state == "firing"


def test_old_ticks_and_idle_instances_are_pruned_and_the_rest_is_kept(bench):
    bench.tick(0.95)
    bench.tick(0.1)
    bench.tick(0.95)
    first = Tick.objects.order_by("tick").first()
    Tick.objects.filter(pk=first.pk).update(evaluated_at=db_now() - timedelta(hours=2))
    Instance.objects.update(tick=db_now() - timedelta(days=30))
    assert housekeeping.prune() == 1
    assert Tick.objects.count() == 2
    Instance.objects.update(state="resolved")
    assert housekeeping.prune() == 1
    assert Episode.objects.count() == 2


def test_the_evaluation_task_reports_what_it_did(no_rules):
    assert evaluate_rules() == {"evaluated": 0, "errors": 0, "skipped": 0}
