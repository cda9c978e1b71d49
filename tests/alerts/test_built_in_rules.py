"""The rules every installation begins with: each makes sense, and none cries for nothing."""

from datetime import timedelta

import pytest

from apps.alerts.evaluation.observed import Observed
from apps.alerts.evaluation.reading import read
from apps.alerts.models import Rule
from apps.alerts.preview import Frame, play
from tests.alerts.conftest import T0
from tests.alerts.test_conditions import Figures, figure

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_rules", "built_in_rules")]

# What ALERT-02 to 04 and 13 ask for: thresholds of warning and critical, and for how long.
ASKED = {
    "HIGH_CPU_USAGE": (0.8, 0.9, 120), "HIGH_MEMORY_USAGE": (0.8, 0.95, 120),
    "HIGH_RESPONSE_TIME": (0.5, None, 120), "HIGH_ERROR_RATE": (0.05, 0.1, 60),
    "LOW_CACHE_HIT_RATE": (0.8, None, 300), "SERVER_ERRORS": (None, 10, 0),
    "CACHE_HIT_RATE_FELL": (-5, None, 30), "TASK_FAILURES": (0.01, 0.1, 60),
    "SLOW_QUERIES": (10, 1000, 0), "PARTITION_MISSING": (None, 0, 0), "WORKER_DOWN": (None, 1, 60),
}  # fmt: skip


def built_in(name: str) -> Rule:
    return Rule.objects.get(built_in=name)


def test_every_rule_makes_sense_and_says_what_it_is_about():
    rules = list(Rule.objects.exclude(built_in=""))
    for rule in rules:
        rule.full_clean()
        assert rule.summary.endswith("."), rule.name
    found = {rule.built_in: (rule.warning, rule.critical, rule.for_s) for rule in rules}
    assert {name: found[name] for name in ASKED} == ASKED
    for name in ("HIGH_CPU_USAGE", "HIGH_MEMORY_USAGE", "HIGH_ERROR_RATE"):
        assert None not in (built_in(name).clear_warning, built_in(name).clear_critical)


def test_a_spike_of_a_second_never_fires():
    for rule in Rule.objects.exclude(built_in="").filter(for_s__gt=0):
        worst = rule.critical if rule.critical is not None else rule.warning
        bad = worst + 1 if rule.direction == "above" else worst - 1
        well = rule.warning if rule.warning is not None else rule.critical
        good = well - 1 if rule.direction == "above" else well + 1
        values = [good, bad, good, good, bad, good]
        frames = [
            Frame(T0 + timedelta(seconds=i * rule.interval_s), {"k": Observed({}, value)})
            for i, value in enumerate(values)
        ]
        assert play(rule, frames, rule.interval_s) == [], rule.name
        long = [
            Frame(T0 + timedelta(seconds=i * rule.interval_s), {"k": Observed({}, bad)})
            for i in range(rule.for_s // rule.interval_s + 2)
        ]
        assert len(play(rule, long, rule.interval_s)) == 1, rule.name


@pytest.mark.parametrize("name", ["LOW_CACHE_HIT_RATE", "CACHE_HIT_RATE_FELL", "CACHE_ERRORS"])
def test_an_idle_cache_never_fires(name):
    rule = built_in(name)
    idle = {"hit": 1.0, "miss": 4.0, "error": 3.0, "all": 8.0}
    source = Figures(kind="sum")
    source.answer = lambda query, _w: [figure(idle[query.scope.get("cache.state", "all")])]
    source.before = lambda query, _w, _a: [figure(idle[query.scope.get("cache.state", "all")] * 90)]
    assert [one.severity(rule) for one in read(rule, source).values()] == [None]


def test_ten_server_errors_are_critical_and_nine_are_not():
    rule = built_in("SERVER_ERRORS")
    found = {n: Observed({}, n).severity(rule) for n in (9.0, 10.0)}
    assert found == {9.0: None, 10.0: "critical"}


def test_a_rule_somebody_changed_keeps_what_it_has():
    import importlib

    from django.apps import apps

    Rule.objects.filter(built_in="HIGH_CPU_USAGE").update(version=2, clear_warning=None)
    importlib.import_module("apps.alerts.migrations.0111_more_built_in_rules").create(apps, None)
    assert built_in("HIGH_CPU_USAGE").clear_warning is None
    assert Rule.objects.filter(built_in="DISK_FULL").count() == 1
