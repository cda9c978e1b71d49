"""Histograms: borders, merging, scales, error bounds."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.monitoring.store import histograms as h
from apps.monitoring.store.errors import RowError
from apps.monitoring.store.rows import Histogram, Kind, Temporality
from tests.monitoring.store import make

SERIES = make.series("d", Kind.HISTOGRAM, Temporality.DELTA)
POSITIVE = st.floats(1e-300, 1e300, allow_subnormal=False)
NUMBERS = st.one_of(POSITIVE, POSITIVE.map(lambda v: -v), st.just(0.0))
# (γ − 1) / (γ + 1) with γ = 2^(1/32)
ERROR = 0.01084


def nearest_rank(values, q):
    ordered = sorted(values)
    return ordered[max(1, math.ceil(q * len(ordered))) - 1]


@given(st.integers(-1000, 1000))
def test_a_border_belongs_to_the_bucket_below(k):
    assert h.index_of(2.0**k) == 32 * k - 1
    assert h.index_of(math.nextafter(2.0**k, math.inf)) == 32 * k


@given(st.floats(min_value=5e-324, max_value=1.7e308))
def test_every_positive_number_lies_in_its_bucket(value):
    from decimal import Decimal, localcontext

    k = h.index_of(value)
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(value)
        slack = Decimal("1e-15")
        assert Decimal(2) ** (Decimal(k) / 32) * (1 - slack) < exact
        assert exact <= Decimal(2) ** (Decimal(k + 1) / 32) * (1 + slack)


@given(st.lists(POSITIVE, min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_off_by_at_most_one_percent(values, q):
    found = h.quantile(h.from_values(values), q)
    exact = nearest_rank(values, q)
    assert abs(found - exact) <= ERROR * exact


@given(st.lists(st.lists(NUMBERS, max_size=30), max_size=8), st.floats(0, 1))
def test_merging_equals_the_histogram_of_all_values(parts, q):
    merged = h.merge(h.from_values(part) for part in parts)
    whole = h.from_values([v for part in parts for v in part])
    assert (merged.count, merged.zero, merged.min, merged.max) == (
        whole.count, whole.zero, whole.min, whole.max,
    )  # fmt: skip
    for a, b in ((merged.positive, whole.positive), (merged.negative, whole.negative)):
        assert (a.offset, a.counts.tolist()) == (b.offset, b.counts.tolist())
    assert h.quantile(merged, q) == h.quantile(whole, q)


@given(st.lists(POSITIVE, min_size=1, max_size=60), st.integers(0, 5))
def test_downscaling_equals_counting_at_the_lower_scale(values, steps):
    scale = 5 - steps
    folded = h.from_values(values).positive.downscale(steps)
    index = h.indexes(np.array(values), scale)
    counts = np.bincount(index - index.min())
    assert (folded.offset, folded.counts.tolist()) == (int(index.min()), counts.tolist())


@pytest.mark.parametrize("scale", range(-10, 21))
def test_exponential_points_of_every_scale_are_taken(scale):
    value = 3.7
    index = math.ceil(math.log2(value) * 2.0**scale) - 1
    point = Histogram(SERIES, 0, 1, 10, 37.0, None, None, scale, 0, index, [10])
    state = h.from_point(point)
    assert state.scale == min(scale, 5)
    found = h.quantile(state, 0.5)
    if scale >= 5:
        assert found == pytest.approx(value, rel=2 * ERROR)
    merged = h.merge([state, h.from_values([value] * 10)])
    assert (merged.count, merged.scale) == (20, min(scale, 5))
    assert merged.positive.counts.sum() == 20


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=40),
    st.integers(-5000, 5000),
    st.integers(6, 20),
)
def test_lowering_a_high_scale_keeps_every_count(counts, offset, scale):
    point = Histogram(SERIES, 0, 1, sum(counts), None, None, None, scale, 0, offset, counts)
    state = h.from_point(point)
    assert state.scale == 5
    assert state.positive.counts.sum() == sum(counts)
    for i, n in enumerate(counts):
        if n:
            low = (offset + i) >> (scale - 5)
            assert state.positive.counts[low - state.positive.offset] >= n


def explicit(bounds, counts, **over):
    values = {"min": None, "max": None, **over}
    return h.from_point(
        Histogram(
            SERIES, 0, 1, sum(counts), float(sum(counts)), values["min"], values["max"], None, 0,
            0, counts, bounds=bounds,
        )
    )  # fmt: skip


def test_explicit_quantiles_interpolate_inside_their_bucket():
    state = explicit((1.0, 2.0, 4.0), [0, 10, 10, 0])
    assert h.quantile(state, 0.25) == 1.5
    assert h.quantile(state, 0.75) == 3.0
    assert h.quantile(explicit((1.0,), [4, 0]), 0.5) == 0.5
    assert h.quantile(explicit((1.0,), [0, 4]), 0.5) == 1.0
    assert h.quantile(explicit((1.0,), [0, 4], max=9.0), 0.5) == 9.0
    assert h.quantile(explicit((), [4]), 0.5) == 1.0
    assert h.quantile(h.State(), 0.5) is None


def test_explicit_histograms_with_other_bounds_merge_on_the_common_ones():
    merged = h.merge([explicit((1.0, 2.0, 4.0), [1, 2, 3, 4]), explicit((2.0, 3.0), [10, 20, 30])])
    assert merged.bounds == (2.0,)
    assert merged.positive.counts.tolist() == [13, 57]
    mixed = h.merge([explicit((1.0, 2.0), [1, 1, 1]), h.from_values([0.5, 1.5, 9.0])])
    assert mixed.positive.counts.tolist() == [2, 2, 2]


@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=10), min_size=2, max_size=6))
def test_the_increase_of_a_growing_histogram_is_what_was_added(parts):
    seen = []
    before = None
    for part in parts:
        seen += part
        now = h.from_values(seen)
        if before is not None:
            gained = h.increase(now, before)
            added = h.from_values(part)
            assert (gained.count, gained.zero) == (added.count, added.zero)
            assert gained.positive.trimmed().counts.tolist() == added.positive.counts.tolist()
            assert gained.negative.trimmed().counts.tolist() == added.negative.counts.tolist()
        before = now


@given(st.lists(POSITIVE, min_size=2, max_size=20))
def test_a_histogram_that_lost_counts_was_reset(values):
    whole, part = h.from_values(values), h.from_values(values[1:])
    assume(whole.count > part.count)
    assert h.increase(part, whole) is None


def test_bad_points_say_what_is_wrong():
    good = make.histogram(SERIES, [1.0])
    for bad in (
        good._replace(scale=-11),
        good._replace(count=-1),
        good._replace(positive=[2**60]),
        good._replace(scale=None, bounds=(1.0, float("nan")), positive=[1, 2, 3]),
        good._replace(scale=None, bounds=(1.0, 1.0), positive=[1, 2, 3]),
    ):
        with pytest.raises(RowError):
            h.from_point(bad)


def test_a_number_that_is_not_finite_is_unknown():
    state = h.from_point(make.histogram(SERIES, [1.0])._replace(sum=math.nan, min=math.inf))
    assert (state.sum, state.min) == (None, None)
    assert state.mean is None
