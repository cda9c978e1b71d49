"""Objectives: windows judged, the worst of several, ratios, and honest ignorance."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.core.timerange import TimeRange
from apps.monitoring.models import Objective
from apps.monitoring.queries import objectives
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.objectives import judge
from apps.monitoring.store.rows import Batch, Kind, Sample, Temporality
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make

MINUTE = timedelta(minutes=1)
END = datetime.now(UTC).replace(second=0, microsecond=0) - 3 * MINUTE
START = END - 10 * MINUTE
RANGE = TimeRange(START, END)


@pytest.fixture
def send(store):
    """`send(series, values)`: one point for each of the ten minutes; None sends nothing."""
    writer = Writer()

    def go(series, values):
        at = [int((START + i * MINUTE).timestamp()) * 10**9 + 10**9 for i in range(10)]
        writer.write([
            Batch(samples=[Sample(series, t, v) for t, v in zip(at, values, strict=True)
                           if v is not None])
        ])  # fmt: skip
        reads.forget()

    yield go
    writer.close()


def objective(**over):
    values = {"name": "o", "metric": "m", "goal": 5.0, "window_s": 60, **over}
    return Objective(**values)


def test_each_window_is_judged_and_a_window_without_data_is_none(send):
    send(make.series("m"), [1, 2, 3, 4, 6, None, None, 7, 1, 2])
    found = judge(objective(), RANGE)
    assert (found.verdict, found.windows, found.attained) == ("missed", 8, 6 / 8)
    assert (found.current, found.worst, found.best) == (2, 7, 1)
    assert judge(objective(share=0.75), RANGE).verdict == "met"
    assert judge(objective(goal=7.5), RANGE).verdict == "met"
    # Below means below.
    assert judge(objective(goal=7.0), RANGE).attained == 7 / 8


def test_at_least_and_capacities(send):
    send(make.series("m"), [1, 2, 3, 4, 5, 5, 4, 3, 2, 1])
    above = {"side": "above"}
    assert judge(objective(**above), RANGE).attained == 2 / 10
    assert judge(objective(**above), RANGE).verdict == "missed"
    once = judge(objective(**above, reach="once"), RANGE)
    assert (once.verdict, once.best) == ("met", 5)


def test_of_several_groups_the_worst_is_judged(send):
    send(make.series("m", host="a"), [1] * 10)
    send(make.series("m", host="b"), [9] * 10)
    pooled, each = judge(objective(), RANGE), judge(objective(by=["host"]), RANGE)
    assert (pooled.current, each.current) == (5, 9)
    send(make.series("n", host="a"), [1] * 10)
    send(make.series("n", host="b"), [9] * 10)
    worst = judge(objective(metric="n", by=["host"], side="above"), RANGE)
    assert worst.current == 1


def test_ratios_and_what_is_missing_to_one(send):
    delta = (Kind.SUM, Temporality.DELTA)
    send(make.series("made", *delta, service="a"), [1, None, 0, 5] + [None] * 6)
    send(make.series("used", *delta, service="a"), [10, 10, 10, 10, 0] + [None] * 5)
    wish = {"metric": "made", "over_metric": "used", "aggregation": "increase", "by": ["service"]}
    ratio = judge(objective(**wish, goal=0.2), RANGE)
    assert [v for _, v in ratio.points if v is not None] == [0.1, 0.0, 0.5]
    reuse = judge(objective(**wish, complement=True, side="above", goal=0.9), RANGE)
    assert [v for _, v in reuse.points if v is not None] == [0.9, 1.0, 0.5]
    assert reuse.attained == pytest.approx(2 / 3)


def test_no_data_is_said_and_never_counts_as_kept(send):
    found = judge(objective(metric="nobody"), RANGE)
    assert (found.verdict, found.attained, found.current) == ("unknown", None, None)
    send(make.series("m"), [1] * 10)
    late = judge(objective(), TimeRange(END + MINUTE, END + 2 * MINUTE))
    assert late.verdict == "unknown"


def test_what_a_metric_cannot_give_is_told_beside_its_objective(send):
    send(make.series("m"), [1] * 10)
    found = judge(objective(aggregation="p95"), RANGE)
    assert found.verdict == "unknown"
    assert "p95" in found.error


def test_the_trend_compares_the_later_half_with_the_earlier(send):
    send(make.series("m"), [2, 2, 2, 2, 2, 3, 3, 3, 3, 3])
    assert judge(objective(), RANGE).trend == pytest.approx(0.5)
    send(make.series("few"), [2, None, None, None, None, 3, 3, 3, 3, 3])
    assert judge(objective(metric="few"), RANGE).trend is None


def test_the_built_in_ones_can_all_be_judged(send, reader_of):
    answer = reader_of.get("/admin/monitoring/objectives").json()["items"]
    assert len(answer) == Objective.objects.count() >= 12
    assert {one["verdict"] for one in answer} == {"unknown"}
    assert {one["error"] for one in answer} == {""}
    jobs = reader_of.get("/admin/monitoring/objectives?group=jobs").json()["items"]
    assert {one["group"] for one in jobs} == {"jobs"}
    for one in Objective.objects.all():
        one.full_clean()


@pytest.fixture
def reader_of(staff_client):
    for one in _built_in():
        Objective.objects.get_or_create(built_in=one.pop("built_in"), defaults=one)
    return staff_client


def _built_in():
    from importlib import import_module

    added = import_module("apps.monitoring.migrations.0027_built_in_objectives").BUILT_IN
    return [{"built_in": key, **values} for key, values in added.items()]


def test_time_that_runs_out_is_told(send, monkeypatch):
    monkeypatch.setattr(objectives, "_BUDGET_S", -1.0)
    assert [j.error for j in objectives.judge_all([objective()], RANGE)] == ["late"]
