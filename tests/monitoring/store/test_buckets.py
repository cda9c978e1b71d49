"""Merging in columns gives what merging one by one gives."""

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from apps.monitoring.queries import buckets
from apps.monitoring.store import histograms
from apps.monitoring.store.histograms import Buckets, State

START = datetime(2026, 11, 1, tzinfo=UTC)
STEP = timedelta(seconds=10)
NAMES = "series_id, at, n, sum, min, max, scale, zero, pos_off, pos, neg_off, neg, bounds"
TYPES = (
    "int", "timestamptz", "int8", "float8", "float8", "float8", "int2", "int8", "int", "int8[]",
    "int", "int8[]", "float8[]",
)  # fmt: skip

counts = st.lists(st.one_of(st.just(0), st.integers(0, 2**40)), max_size=6)
known = st.one_of(st.none(), st.floats(-1e6, 1e6))


@st.composite
def states(draw):
    """A histogram of any layout."""
    common = {"sum": draw(known), "min": draw(known), "max": draw(known)}
    bounds = draw(st.sampled_from([None, None, None, (0.1, 1.0), (0.1, 5.0), ()]))
    if bounds is not None:
        size = len(bounds) + 1
        values = np.array(draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)), np.int64)
        return State(int(values.sum()) + 1, scale=None, bounds=bounds,
                     positive=Buckets(0, values), **common)  # fmt: skip
    sides = [
        Buckets(draw(st.integers(-200, 200)), np.array(draw(counts), np.int64)) for _ in range(2)
    ]
    return State(
        draw(st.integers(1, 2**50)), scale=draw(st.sampled_from([5, 5, 3])), positive=sides[0],
        negative=sides[1], zero=draw(st.integers(0, 5)), **common,
    )  # fmt: skip


points = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 39_999_999), states()), min_size=1, max_size=12
)


def relation(found):
    """The points as a relation of typed rows."""
    rows = []
    for series_id, us, s in found:
        cells = (
            series_id, START + timedelta(microseconds=us), s.count, s.sum, s.min, s.max, s.scale,
            s.zero, s.positive.offset, s.positive.counts.tolist(), s.negative.offset,
            s.negative.counts.tolist(), None if s.bounds is None else list(s.bounds),
        )  # fmt: skip
        typed = [
            sql.SQL("{}::{}").format(sql.Literal(cell), sql.SQL(name))
            for cell, name in zip(cells, TYPES, strict=True)
        ]
        rows.append(sql.SQL("({})").format(sql.SQL(", ").join(typed)))
    return sql.SQL("SELECT * FROM (VALUES {}) AS v ({}) WHERE series_id = ANY(%(ids)s)").format(
        sql.SQL(", ").join(rows), sql.SQL(NAMES)
    )


def shape(state):
    """What counts of a state, whatever empty buckets it carries at its ends."""

    def side(held):
        return [(held.offset + i, c) for i, c in enumerate(held.counts.tolist()) if c]

    return (state.count, state.zero, side(state.positive), side(state.negative), state.min,
            state.max, state.scale, state.bounds)  # fmt: skip


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(points)
def test_columns_merge_as_single_rows_do(found):
    group_of = {1: 0, 2: 1, 3: 0}
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        merged = buckets.read(cursor, relation(found), [3, 1, 2], [0, 0, 1], START, STEP)
    expected = {}
    for series_id, us, state in found:
        layout = (state.scale, state.bounds)
        key = (group_of[series_id], us // 10_000_000, layout)
        expected.setdefault(key, []).append((us, state))
    answer = {(m.group, m.step, (m.state.scale, m.state.bounds)): m for m in merged}
    assert answer.keys() == expected.keys()
    for key, parts in expected.items():
        whole = histograms.merge([state for _, state in parts])
        got = answer[key]
        assert shape(got.state) == shape(whole)
        assert got.state.sum == (None if whole.sum is None else pytest.approx(whole.sum))
        assert got.last_ts == START + timedelta(microseconds=max(us for us, _ in parts))
        for q in (0.0, 0.5, 0.95, 1.0):
            figure = histograms.quantile(whole, q)
            assert histograms.quantile(got.state, q) == (
                figure if any(whole.positive.counts) else pytest.approx(figure)
            )
