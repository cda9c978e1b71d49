"""Which severity a value amounts to."""

import math
import sys

import pytest

from apps.alerts.machine import Severity
from apps.alerts.thresholds import Thresholds

ABOVE = Thresholds(True, 80, 90, critical_inclusive=True)
BELOW = Thresholds(False, 80, 50)


@pytest.mark.parametrize(
    ("thresholds", "value", "severity"),
    [
        (ABOVE, 80, None),
        (ABOVE, 80.1, Severity.WARNING),
        (ABOVE, 89.9, Severity.WARNING),
        (ABOVE, 90, Severity.CRITICAL),
        (ABOVE, sys.float_info.max, Severity.CRITICAL),
        (BELOW, 80, None),
        (BELOW, 79, Severity.WARNING),
        (BELOW, 50, Severity.WARNING),
        (BELOW, 49, Severity.CRITICAL),
        (Thresholds(True, None, 5), 5, None),
        (Thresholds(True, None, 5), 6, Severity.CRITICAL),
        (Thresholds(True, 5, None), 6, Severity.WARNING),
    ],
)
def test_a_value_amounts_to_a_severity(thresholds, value, severity):
    assert thresholds.severity(value) is severity


@pytest.mark.parametrize(
    ("warning", "critical", "above", "word"),
    [
        (None, None, True, "Give"),
        (90, 80, True, "above"),
        (50, 80, False, "below"),
        (math.inf, None, True, "finite"),
        (None, math.nan, True, "finite"),
    ],
)
def test_thresholds_that_make_no_sense_say_why(warning, critical, above, word):
    assert word in Thresholds(above, warning, critical).problem()


@pytest.mark.parametrize(
    ("warning", "critical", "above"),
    [(80, 90, True), (80, 50, False), (5, 5, True), (5, None, 1)],
)
def test_thresholds_in_order_are_accepted(warning, critical, above):
    assert Thresholds(above, warning, critical).problem() is None


def test_the_threshold_shown_is_the_one_in_force():
    assert ABOVE.of(Severity.WARNING) == 80
    assert ABOVE.of(Severity.CRITICAL) == 90
    assert Thresholds(True, None, 5).of(Severity.WARNING) == 5
    assert Thresholds(True, 5, None).of(Severity.CRITICAL) == 5


def test_the_worse_value_lies_further_out():
    assert ABOVE.worse(None, 3) == 3
    assert ABOVE.worse(5, 3) == 5
    assert BELOW.worse(5, 3) == 3
