"""Fewer points: peaks, ends, order and gaps survive."""

from hypothesis import given
from hypothesis import strategies as st

from apps.core.charts.decimate import decimate

_VALUES = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)
_LINES = st.lists(_VALUES, min_size=1, max_size=400)


@given(_LINES, st.integers(-5, 120))
def test_extremes_ends_order_and_gaps_survive(ys, most):
    xs = list(range(len(ys)))
    kept_x, kept_y = decimate(xs, ys, most)
    assert len(kept_x) == len(kept_y) <= max(most, 16)
    assert kept_x == sorted(set(kept_x))
    assert [ys[x] for x in kept_x] == kept_y
    assert (kept_x[0], kept_x[-1]) == (0, len(ys) - 1)
    known = [y for y in ys if y is not None]
    shown = [y for y in kept_y if y is not None]
    if known:
        assert (min(shown), max(shown)) == (min(known), max(known))
        positions = [x for x, y in enumerate(ys) if y is not None]
        drawn = [x for x, y in zip(kept_x, kept_y, strict=True) if y is not None]
        assert (drawn[0], drawn[-1]) == (positions[0], positions[-1])
    for (a, left), (b, right) in zip(
        zip(kept_x, kept_y, strict=True), list(zip(kept_x, kept_y, strict=True))[1:], strict=False
    ):
        if left is not None and right is not None:
            assert None not in ys[a:b], "a line would be drawn across a gap"


def test_a_spike_of_one_point_in_a_day_of_seconds_is_seen():
    ys: list[float | None] = [1.0] * 86_400
    ys[43_210] = 99.0
    xs, shown = decimate(list(range(86_400)), ys, 300)
    assert 43_210 in xs
    assert max(y for y in shown if y is not None) == 99.0
    assert len(xs) <= 300


def test_nothing_known_stays_nothing_known():
    assert set(decimate(list(range(1000)), [None] * 1000, 100)[1]) == {None}


def test_few_points_are_left_alone():
    assert decimate([1, 2, 3], [1.0, None, 2.0], 100) == ([1, 2, 3], [1.0, None, 2.0])
