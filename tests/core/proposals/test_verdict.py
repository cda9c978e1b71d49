"""Two windows in, one decision out."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.core.proposals.verdict import Measurement, Outcome, Terms, gain, judge

TERMS = Terms("decrease", relative=True, least_gain=0.1, least_samples=30, unmeasurable="roll_back")
FIGURES = st.floats(-1e12, 1e12)
WINDOWS = st.builds(
    Measurement,
    st.none() | st.floats(),
    st.integers(-1, 10_000),
    st.none() | st.floats(),
)


def window(value, samples=100, spread=1.0):
    return Measurement(value, samples, spread)


@pytest.mark.parametrize(
    ("after", "action", "outcome"),
    [
        (window(50), "keep", Outcome.GAINED),
        (window(99), "roll_back", Outcome.NO_GAIN),
        (window(120), "roll_back", Outcome.HARMED),
        (window(90, spread=20), "extend", None),
        (window(50, samples=29), "extend", None),
        (window(None), "extend", None),
        (window(50, spread=None), "extend", None),
    ],
)
def test_the_whole_interval_decides(after, action, outcome):
    found = judge(window(100), after, TERMS, last=False)
    assert (found.action, found.outcome) == (action, outcome)


def test_in_the_end_what_is_not_shown_to_help_goes():
    found = judge(window(100), window(90, spread=20), TERMS, last=True)
    assert (found.action, found.outcome) == ("roll_back", Outcome.NO_GAIN)


def test_more_is_better_where_the_kind_says_so():
    terms = Terms("increase", relative=False, least_gain=5, least_samples=1, unmeasurable="keep")
    found = judge(window(0.0), window(10, spread=0), terms, last=False)
    assert found.action == "keep"
    assert found.gain is not None
    assert found.gain.value == 10


def test_a_fraction_of_nothing_is_unknown_and_not_0():
    assert gain(window(0.0), window(10), TERMS) is None


@given(WINDOWS, WINDOWS, st.booleans())
@example(before=window(1.0, spread=1e200), after=window(1.0, spread=1e200), last=True)
@example(before=window(1e-300), after=window(1e300), last=True)
def test_nothing_unknown_is_ever_a_gain(before, after, last):
    found = judge(before, after, TERMS, last=last)
    if found.outcome is Outcome.GAINED:
        assert min(before.samples, after.samples) >= 30
        assert found.gain is not None
        assert found.gain.low >= 0.1
    if last:
        assert found.action != "extend"
    if found.gain is not None:
        assert all(math.isfinite(x) for x in (found.gain.low, found.gain.value, found.gain.high))
        assert found.gain.low <= found.gain.value <= found.gain.high
