"""Rates from growing numbers."""

from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.collectors.difference import Difference


def test_the_first_reading_has_no_rate_and_a_fall_has_none_either():
    use = Difference()
    assert use.per_s(100, at_s=0) is None
    assert use.per_s(150, at_s=5) == 10
    assert use.per_s(20, at_s=10) is None
    assert use.per_s(70, at_s=15) == 10
    assert use.per_s(80, at_s=15) is None


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(0, 1e9))))
def test_a_rate_is_never_negative(readings):
    use = Difference()
    for value, at_s in readings:
        rate = use.per_s(value, at_s=at_s)
        assert rate is None or rate >= 0
