"""Each kind of condition on figures by hand: what it judges, refuses and holds back."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.evaluation import conditions
from apps.alerts.evaluation.conditions import ConfigError
from apps.alerts.evaluation.observed import notes_of
from apps.alerts.evaluation.reading import read
from apps.alerts.machine import Condition, Severity, State
from apps.alerts.models import Rule
from apps.alerts.thresholds import Thresholds
from apps.monitoring.queries.catalogue import MetricInfo
from apps.monitoring.queries.series import Latest, SeriesResult

NOW = datetime(2025, 3, 5, 12, tzinfo=UTC)


@dataclass
class Figures:
    """A source whose figures, past and memory stand in dictionaries."""

    now_: datetime = NOW
    kind: str = "gauge"
    latest_: dict[float, list[Latest]] = field(default_factory=dict)
    before_: list[Latest] = field(default_factory=list)
    past: list[SeriesResult] = field(default_factory=list)
    counted: list[Latest] = field(default_factory=list)
    answer: object = None
    memory: dict = field(default_factory=dict)
    written: int = 0

    def now(self):
        return self.now_

    def latest(self, query, window_s):
        return self.answer(query, window_s) if self.answer else self.latest_.get(window_s, [])

    def before(self, query, window_s, ago_s):
        return self.before_

    def history(self, query, time_range, step_s):
        return [
            SeriesResult(
                one.labels, "",
                [p for p in one.points if time_range.start <= p[0] < time_range.end],
            )
            for one in self.past
        ]  # fmt: skip

    def lines(self, query, window_s):
        return self.counted

    spans = lines

    def info(self, metric):
        return MetricInfo(metric, "s", self.kind, 1)

    def recall(self, rule):
        return dict(self.memory)

    def remember(self, rule, changed, gone):
        self.written += 1
        self.memory.update(changed)
        for key in gone:
            del self.memory[key]


def figure(value, **labels):
    return Latest({name.replace("_", "."): text for name, text in labels.items()}, value, None)


def rule(**fields) -> Rule:
    made = Rule(**{"name": "R", "metric": "m", "warning": 10.0, "window_s": 60, **fields})
    made.clean()
    return made


def severities(made: Rule, source: Figures):
    return {tuple(o.labels.values()): o.severity(made) for o in read(made, source).values()}


@pytest.mark.parametrize(
    ("value", "current", "severity"),
    [
        (85, None, "warning"), (78, None, None), (78, "warning", "warning"), (75, "warning", None),
        (92, None, "critical"), (88, "critical", "critical"), (85, "critical", "warning"),
        (78, "critical", "warning"), (70, "critical", None), (88, "warning", "warning"),
    ],
)  # fmt: skip
def test_what_fires_holds_down_to_its_clear_value(value, current, severity):
    thresholds = Thresholds(True, 80, 90, clear_warning=75, clear_critical=85)
    assert thresholds.severity(value, Severity(current) if current else None) == severity


@given(
    st.floats(-100, 100), st.floats(0, 50), st.floats(0, 50), st.booleans(),
    st.sampled_from([None, *Severity]),
)  # fmt: skip
def test_holding_never_makes_an_alert_milder_than_a_fresh_one(value, gap, clear, above, current):
    sign = 1 if above else -1
    thresholds = Thresholds(
        above, 10.0 * sign, (10 + gap) * sign,
        clear_warning=(10 - clear) * sign, clear_critical=(10 + gap - clear) * sign,
    )  # fmt: skip
    assert thresholds.problem() is None
    rank = {None: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
    assert rank[thresholds.severity(value, current)] >= rank[thresholds.severity(value)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"clear_warning": 11}, "harder than its trigger"),
        ({"direction": "below", "clear_warning": 9}, "harder than its trigger"),
        ({"clear_critical": 5}, "needs a critical threshold"),
        ({"clear_warning": float("nan")}, "finite"),
        ({"condition": "nonsense"}, "There is no condition"),
        ({"condition": "change", "config": {"of": "apples"}}, "of is one of"),
        ({"condition": "change", "config": {"off": "percent"}}, "is no setting"),
        ({"condition": "change", "config": {"ago_s": -1}}, "lies between"),
        ({"condition": "change", "config": {"ago_s": True}}, "is a number"),
        ({"condition": "trace", "config": {"failed": "yes"}}, "true or false"),
        ({"condition": "trace", "by": ["colour"]}, "kept apart"),
        ({"condition": "log", "config": {"text": "a\0b"}}, "is a text"),
        ({"condition": "absence", "config": {"forget_after_s": 300}, "warning": 600}, "forgotten"),
        ({"condition": "absence", "warning": 3}, "at least one interval"),
        ({"condition": "anomaly", "warning": 0.5}, "at least 1"),
        ({"condition": "burn"}, "which events are bad"),
        ({"message": "{{ valeu }}"}, "There is no valeu"),
        ({"message": "{% if value %}"}, "no {% statements %}"),
        ({"message": "{{ value"}, "other half"),
        ({"message": "{{ value | shout }}"}, "no filter shout"),
    ],
)
def test_what_makes_no_sense_is_refused_at_save_with_the_reason(fields, words):
    with pytest.raises(ValidationError) as refused:
        rule(**fields)
    assert words in " ".join(refused.value.messages)


def nested(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=9), nested))
def test_any_configuration_is_read_or_refused(value):
    for kind in conditions.CONDITIONS.values():
        for name in kind.settings():
            try:
                again = kind.parse({name: value})
            except ConfigError:
                continue
            assert kind.parse(again.config()) == again


def test_a_change_is_told_in_percent_units_and_percentage_points():
    source = Figures(latest_={60: [figure(6.0), figure(3.0, host="a")]}, before_=[figure(4.0)])
    made = {
        of: rule(condition="change", config={"of": of} if of != "percent" else {})
        for of in ("percent", "absolute", "points")
    }
    found = {of: [o.value for o in read(one, source).values()] for of, one in made.items()}
    # A series without a former figure has no change.
    assert found == {"percent": [50.0, None], "absolute": [2.0, None], "points": [200.0, None]}
    assert made["percent"].config == {}
    assert severities(made["percent"], source) == {(): "warning", ("a",): None}


def test_a_change_from_nothing_has_no_percentage():
    source = Figures(latest_={60: [figure(6.0)]}, before_=[figure(0.0)])
    (one,) = read(rule(condition="change"), source).values()
    assert one.value is None


def test_a_hit_rate_five_points_lower_is_a_warning():
    made = rule(
        condition="change", config={"of": "points"}, direction="below", warning=-5,
        aggregation="ratio", numerator_scope={"state": "hit"}, window_s=300, min_samples=100,
    )  # fmt: skip
    now = {"hit": 840.0, "all": 1000.0}
    source = Figures(kind="sum")
    source.answer = lambda query, _w: [figure(now[query.scope.get("state", "all")])]
    source.before = lambda query, _w, _a: [
        figure({"hit": 900.0, "all": 1000.0}[query.scope.get("state", "all")])
    ]
    assert severities(made, source) == {(): "warning"}
    now["hit"] = 860.0
    assert severities(made, source) == {(): None}
    now |= {"hit": 1.0, "all": 9.0}  # an idle cache says nothing
    assert severities(made, source) == {(): None}


def test_silence_is_counted_for_each_label_set_that_was_ever_seen():
    made = rule(condition="absence", by=["host"], warning=120, config={"forget_after_s": 3600})
    source = Figures()
    source.latest_[60] = [
        Latest({"host": "a"}, 1.0, NOW - timedelta(seconds=5)),
        Latest({"host": "b"}, 1.0, NOW - timedelta(seconds=50)),
    ]
    assert {o.labels["host"]: o.value for o in read(made, source).values()} == {"a": 5, "b": 50}
    source.latest_[60] = [Latest({"host": "a"}, 1.0, NOW + timedelta(seconds=118))]
    source.now_ = NOW + timedelta(seconds=120)
    assert severities(made, source) == {("a",): None, ("b",): "warning"}
    silent = {o.labels["host"]: o for o in read(made, source).values()}["b"]
    assert silent.value == 170
    # Forgotten, its alert ends as missing.
    source.latest_[60] = []
    source.now_ = NOW + timedelta(seconds=3600)
    assert {o.labels["host"] for o in read(made, source).values()} == {"a"}
    assert len(source.memory) == 1


def test_a_series_that_reports_is_not_written_at_every_evaluation():
    made = rule(condition="absence", by=["host"], warning=300, window_s=300)
    source = Figures()
    for second in range(0, 300, 15):
        source.now_ = NOW + timedelta(seconds=second)
        source.latest_[300] = [Latest({"host": "a"}, 1.0, source.now_)]
        read(made, source)
    assert source.written <= 3
    # Its last point before the silence is known to the second all the same.
    last = source.now_
    for second in range(300, 700, 15):
        source.now_ = NOW + timedelta(seconds=second)
        there = (source.now_ - last).total_seconds() < 300
        source.latest_[300] = [Latest({"host": "a"}, 1.0, last)] if there else []
        (one,) = read(made, source).values()
        assert one.value == (source.now_ - last).total_seconds()


def weekly(values, noise=(9.0, 10.0, 11.0), weeks=4):
    """The same hour in former weeks, and the last six hours."""
    points = []
    for week in range(1, weeks + 1):
        start = NOW - timedelta(weeks=week, minutes=30)
        points += [(start + timedelta(minutes=i), noise[i % len(noise)]) for i in range(60)]
    points += [(NOW - timedelta(hours=6, minutes=1 - i), v) for i, v in enumerate(values)]
    return [SeriesResult({}, "", points)]


def test_an_anomaly_fires_with_its_baseline_stored_and_shown():
    made = rule(condition="anomaly", warning=4, critical=8)
    source = Figures(latest_={60: [figure(10.5)]}, past=weekly([]))
    assert severities(made, source) == {(): None}
    source.latest_[60] = [figure(18.0)]
    (one,) = read(made, source).values()
    assert one.severity(made) is Severity.WARNING
    facts = one.facts
    assert (facts["expected"], facts["samples"], facts["method"]) == (10.0, 240, "hour of week")
    assert facts["deviation"] == round(8 / 1.4826, 2)
    assert facts["low"] < 10 < facts["high"] < 18
    assert one.limit(made, Severity.WARNING) == pytest.approx(10 + 4 * 1.4826)
    (stored,) = source.memory.values()
    assert stored.facts["expected"] == 10.0
    source.latest_[60] = [figure(1.0)]  # both sides are odd unless one is chosen
    assert severities(made, source) == {(): "warning"}
    assert severities(rule(condition="anomaly", warning=4, config={"side": "above"}), source) == {
        (): None
    }


def test_without_a_season_the_last_hours_are_the_baseline():
    made = rule(condition="anomaly", warning=4)
    source = Figures(latest_={60: [figure(18.0)]}, past=weekly([9.0, 10.0, 11.0] * 10, weeks=1))
    (one,) = read(made, source).values()
    assert one.facts["method"] == "last six hours"
    assert one.severity(made) is Severity.WARNING


def test_without_enough_past_an_anomaly_is_held_and_says_so():
    made = rule(condition="anomaly", warning=4)
    source = Figures(latest_={60: [figure(1e9)]}, past=weekly([1.0] * 5, weeks=0))
    found = read(made, source)
    assert [one.severity(made) for one in found.values()] == [None]
    assert notes_of(found) == "Held: no baseline yet: 5 figures of 12"


def test_a_past_that_never_moved_does_not_make_a_tremble_odd():
    made = rule(condition="anomaly", warning=4)
    source = Figures(latest_={60: [figure(10.4)]}, past=weekly([], noise=(10.0,)))
    assert severities(made, source) == {(): None}
    source.latest_[60] = [figure(15.0)]
    assert severities(made, source) == {(): "warning"}


def burning(**rates):
    """Events of every window: all of them, and the share that is bad by window in seconds."""

    def answer(query, window_s):
        events = window_s * rates.get("per_s", 1.0)
        bad = events * rates.get(f"w{int(window_s)}", 0.0)
        return [figure(bad if query.scope.get("code") else events)]

    return Figures(kind="sum", answer=answer)


def burn_rule(**fields):
    return rule(
        condition="burn", numerator_scope={"code": "5*"}, config={"objective": 0.999},
        **{"warning": None, **fields},
    )  # fmt: skip


def test_a_burn_rule_takes_its_thresholds_from_its_pairs():
    made = burn_rule()
    assert (made.warning, made.critical, made.aggregation) == (1.0, 6.0, "ratio")
    assert burn_rule(critical=1.0).warning is None


def test_both_windows_of_a_pair_must_burn():
    made = burn_rule()
    long_only = burning(w3600=0.02)
    assert severities(made, long_only) == {(): None}
    both = burning(w3600=0.02, w300=0.02, w2592000=0.0004)
    (one,) = read(made, both).values()
    assert one.severity(made) is Severity.CRITICAL
    facts = one.facts
    assert (facts["long_s"], facts["short_s"]) == (3600, 300)
    assert one.value == pytest.approx(20)
    assert one.limit(made, Severity.CRITICAL) == pytest.approx(14.4)
    assert facts["budget_left"] == pytest.approx(0.6)
    assert facts["exhausted_in_s"] == pytest.approx(0.6 * 30 * 86_400 / 20)
    slow = burning(w86400=0.004, w7200=0.004)
    assert severities(made, slow) == {(): "warning"}


def test_a_higher_pair_inhibits_the_lower():
    shares = {f"w{w}": 0.05 for w in (300, 1800, 3600, 7200, 21600, 86400, 259200)}
    found = read(burn_rule(), burning(**shares))
    assert [one.severity(burn_rule()) for one in found.values()] == ["critical"]


def test_low_traffic_is_held_and_said_on_the_rule():
    found = read(burn_rule(), burning(per_s=0.01, w3600=0.5, w300=0.5))
    assert [one.severity(burn_rule()) for one in found.values()] == [None]
    assert "on 18 bad of 36 events in 60 min" in notes_of(found)


def test_groups_of_lines_seen_within_a_day_have_a_true_zero():
    made = rule(condition="log", by=["service.name"], warning=5, metric="")
    assert (made.metric, made.aggregation) == ("logs", "count")
    source = Figures(counted=[figure(9.0, service_name="shop")])
    assert severities(made, source) == {("shop",): "warning"}
    source.counted = []
    source.now_ = NOW + timedelta(hours=1)
    (one,) = read(made, source).values()
    assert one.value == 0.0
    source.now_ = NOW + timedelta(days=2)
    assert read(made, source) == {}


def test_a_firing_series_holds_and_a_pending_one_does_not():
    made = rule(warning=80, clear_warning=70)
    (one,) = read(made, Figures(latest_={60: [figure(75.0)]})).values()
    states = {
        state: one.severity(made, Condition(state=state, severity=Severity.WARNING))
        for state in State
    }
    assert {s for s, found in states.items() if found} == {State.FIRING}
