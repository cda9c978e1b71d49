"""Rules that see nothing, too much, or fail: what becomes of their alerts."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.alerts import conf
from apps.alerts.evaluation import evaluate_due, own
from apps.alerts.evaluation.judging import Work
from apps.alerts.evaluation.notices import payload_for
from apps.alerts.evaluation.reading import RuleError, fingerprint, read
from apps.alerts.models import Episode, Instance, Notification, Purpose, Rule, Tick
from apps.alerts.services import rules
from tests.alerts.conftest import T0, Bench

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]


def test_an_error_resolves_nothing_and_after_three_the_rule_is_unhealthy(bench, source):
    bench.tick(0.95)
    source.error = ValueError("the store is on fire")
    for errors in (1, 2, 3, 4):
        bench.tick()
        rule = Rule.objects.get()
        assert rule.errors_in_row == errors
        assert (rule.unhealthy_since is not None) == (errors >= 3)
    assert Episode.objects.get(fingerprint=fingerprint({})).state == "firing"
    assert "the store is on fire" in Tick.objects.latest("tick").error
    source.error = None
    bench.tick(0.95)
    rule = Rule.objects.get()
    assert (rule.errors_in_row, rule.unhealthy_since, rule.last_error) == (0, None, "")
    assert Notification.objects.filter(episode__fingerprint=fingerprint({})).count() == 1


def test_a_rule_that_cannot_be_judged_is_an_alert_of_its_own_until_it_can(bench, source):
    bench.tick(0.95)
    source.error = ValueError("the store is on fire")
    bench.tick(times=2)
    assert Episode.objects.count() == 1
    bench.tick(times=3)
    health = Episode.objects.get(fingerprint=own.HEALTH)
    assert (health.state, health.severity, health.reason) == ("firing", "warning", "error")
    assert (health.value, health.threshold, health.rule) == (3, 3, bench.rule)
    assert "the store is on fire" in health.events.get(kind="fired").detail["error"]
    told = payload_for(health, Purpose.FIRING)["rule"]
    assert told["name"] == "RULE_HEALTH"
    assert "the store is on fire" in told["summary"]
    source.error = None
    bench.tick(0.95)
    health.refresh_from_db()
    assert (health.state, health.end_reason) == ("resolved", "ok")
    # It is routed like any other.
    assert health.memberships.exists()
    # The rule's own alert was never touched by it.
    assert Episode.objects.get(fingerprint=fingerprint({})).state == "firing"


def test_pausing_a_rule_ends_the_alert_on_its_health_too(bench, source):
    source.error = ValueError("broken")
    bench.tick(times=3)
    rules.switch(Rule.objects.all(), "staff", on=False)
    assert Episode.objects.get().end_reason == "paused"


def test_beyond_the_cap_one_alert_stands_for_the_rest_with_its_number_and_the_worst(
    bench, monkeypatch
):
    monkeypatch.setattr(conf, "MOST_INSTANCES", 5)
    bench.tick(*[0.85] * 4)
    assert Episode.objects.count() == 4
    bench.tick(*[0.85] * 4, *[0.86 + n / 1000 for n in range(30)], 0.99)
    assert Episode.objects.count() == 6
    overflow = Episode.objects.get(fingerprint=own.OVERFLOW)
    assert (overflow.reason, overflow.value, overflow.severity) == ("overflow", 30, "critical")
    top = overflow.events.get(kind="fired").detail["top"]
    assert len(top) == 20
    assert [one["value"] for one in top] == sorted((one["value"] for one in top), reverse=True)
    # Alerts that were open go on being judged, the others stay one message.
    bench.tick(*[0.85] * 4, *[0.86] * 40)
    assert Episode.objects.filter(state="firing").count() == 6
    bench.tick(*[0.85] * 4)
    overflow.refresh_from_db()
    assert overflow.state == "resolved"


def test_ten_thousand_series_of_one_rule_are_judged_in_a_bounded_number_of_statements(
    bench, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(conf, "MOST_INSTANCES", 20_000)
    Rule.objects.update(by=["host"])
    values = [0.1] * 9_000 + [0.95] * 1_000
    bench.source.values = [({"host": f"h{n}"}, value) for n, value in enumerate(values)]
    bench.now += timedelta(seconds=15)
    with django_assert_max_num_queries(30):
        evaluate_due(bench.source, lambda: bench.now)
    assert Tick.objects.get().series == 10_000
    assert Episode.objects.filter(state="firing").count() == 1_000


@pytest.mark.parametrize(
    ("policy", "state", "reason"),
    [("keep_last", "firing", ""), ("ok", "resolved", "nodata"), ("missing", "resolved", "nodata")],
)
def test_no_data_does_what_the_rule_says_and_has_its_own_reason(bench, policy, state, reason):
    Rule.objects.update(no_data=policy)
    bench.tick(0.95)
    bench.tick(times=2)
    episode = Episode.objects.get()
    assert (episode.state, episode.end_reason) == (state, reason)


def test_an_alert_of_silence_says_that_it_is_one(bench):
    Rule.objects.update(no_data="alerting")
    bench.tick()
    assert Episode.objects.get().reason == "nodata"
    bench.tick(0.95)
    assert Episode.objects.get().reason == "breach"


def test_figures_that_still_grow_are_read_a_little_later_where_little_is_the_breach(
    make_rule, source
):
    for direction, aggregation, lag_s in (
        ("below", "rate", 10), ("above", "rate", 0), ("below", "avg", 0),
    ):  # fmt: skip
        Rule.objects.all().delete()
        rule = make_rule(direction=direction, aggregation=aggregation, critical=None)
        bench = Bench(rule, source)
        bench.tick(0.9)
        assert bench.now - source.end == timedelta(seconds=lag_s)


def test_a_failing_statement_of_the_store_is_an_error_of_that_rule_only(make_rule, channel, source):
    make_rule(channel, name="second")
    bench = Bench(make_rule(channel, metric="broken"), source)
    Rule.objects.update(next_eval_at=T0)

    def answer(query):
        if query.metric == "broken":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        return [({}, 0.95)]

    source.answer = answer
    summary = bench.tick()
    assert (summary.evaluated, summary.errors) == (2, 1)
    assert Episode.objects.get().rule_name == "second"
    assert "division by zero" in Rule.objects.get(metric="broken").last_error


def test_a_failure_of_the_engine_is_kept_on_the_rule_and_the_others_go_on(
    make_rule, channel, source, monkeypatch
):
    make_rule(channel, name="good")
    bench = Bench(make_rule(channel, name="poison"), source)
    Rule.objects.update(next_eval_at=T0)
    real = Work.judge

    def judge(work, known):
        if work.rule.name == "poison":
            raise KeyError("never thought of")
        real(work, known)

    monkeypatch.setattr(Work, "judge", judge)
    bench.tick(0.95)
    assert Episode.objects.get().rule_name == "good"
    assert "never thought of" in Rule.objects.get(name="poison").last_error


def test_no_data_keeps_the_alert_and_says_since_when(bench):
    bench.tick(0.95)
    bench.tick(times=10)
    assert Episode.objects.get().state == "firing"
    assert Rule.objects.get().no_data_since == Tick.objects.order_by("tick")[1].tick
    bench.tick(0.95)
    assert Rule.objects.get().no_data_since is None


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_series_without_a_figure_is_no_data_and_never_zero(make_rule, channel, source, value):
    bench = Bench(make_rule(channel, direction="below", warning=0.8, critical=None), source)
    bench.tick(value, times=5)
    assert not Episode.objects.exists()
    assert Rule.objects.get().no_data_since is not None


def test_infinity_is_a_breach_that_can_be_told(bench):
    bench.tick(float("inf"))
    assert Notification.objects.get().payload["breaches"][0]["value"] > 1e300


def test_one_series_of_many_that_vanishes_ends_as_missing_after_two_evaluations(bench):
    bench.tick(0.1, 0.95)
    bench.tick(0.1)
    assert Episode.objects.get().state == "firing"
    bench.tick(0.1)
    episode = Episode.objects.get()
    assert (episode.state, episode.end_reason) == ("resolved", "missing_series")


def test_silence_can_be_the_alert_and_ends_when_something_reports(make_rule, channel, source):
    bench = Bench(make_rule(channel, no_data="alerting", by=["host"], for_s=15), source)
    bench.tick(times=2)
    assert Episode.objects.get().state == "firing"
    assert Notification.objects.get().payload["breaches"][0]["value"] is None
    source.answer = lambda query: [({"host": "h7"}, 0.1)]
    bench.tick()
    episode = Episode.objects.get()
    assert (episode.state, episode.end_reason) == ("resolved", "ok")


def test_silence_of_series_that_exist_alerts_for_each_of_them(make_rule, channel, source):
    bench = Bench(make_rule(channel, no_data="alerting"), source)
    bench.tick(None, None)
    assert Episode.objects.filter(state="firing").count() == 2


def test_a_pending_alert_that_goes_away_leaves_a_trace_and_no_message(make_rule, channel, source):
    bench = Bench(make_rule(channel, for_s=60), source)
    bench.tick(0.95)
    bench.tick(0.1)
    episode = Episode.objects.get()
    assert (episode.state, episode.end_reason, episode.fired_at) == ("inactive", "ok", None)
    assert not Notification.objects.exists()
    bench.tick(0.95)
    assert Episode.objects.count() == 2
    assert Instance.objects.count() == 1


def test_two_series_with_one_label_set_are_an_error_of_the_rule(make_rule, source):
    source.values = [({"host": "a"}, 1.0), ({"host": "a"}, 2.0)]
    with pytest.raises(RuleError, match="Two series"):
        read(make_rule(), source)
