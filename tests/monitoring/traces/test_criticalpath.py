"""Critical paths: Jaeger's own cases, and what holds of every trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.traces.criticalpath import critical_path
from apps.monitoring.traces.tree import CONSUMER, PRODUCER, build
from tests.monitoring.traces.make import Row, rows

# Restated from jaegertracing/jaeger-ui: components/TracePage/CriticalPath/testCases/test1..9.js.
# Spans are (name, parent, start, duration[, kind]); the path is from its end to its begin.
JAEGER = {
    "two calls, one after the other": (
        [("E", "C", 50, 10), ("C", None, 1, 100), ("D", "C", 20, 20)],
        [("C", 60, 101), ("E", 50, 60), ("C", 40, 50), ("D", 20, 40), ("C", 1, 20)],
    ),
    "two calls that overlap": (
        [("X", None, 1, 100), ("A", "X", 10, 40), ("C", "X", 20, 40)],
        [("X", 60, 101), ("C", 20, 60), ("X", 1, 20)],
    ),
    "a longer child that begins after its parent ended": (
        [("A", None, 100, 40), ("B", "A", 150, 50)],
        [("A", 100, 140)],
    ),
    "a child and a grandchild after the parent ended": (
        [("A", None, 1, 30), ("B", "A", 40, 40), ("C", "B", 50, 10)],
        [("A", 1, 31)],
    ),
    "a message does not block who sent it": (
        [("A", None, 1, 30, PRODUCER), ("B", "A", 10, 10, CONSUMER), ("C", "B", 12, 2)],
        [("A", 1, 31)],
    ),
    "a child that ends late, with one that begins early": (
        [("A", None, 1, 29), ("B", "A", 15, 20), ("C", "B", 10, 15)],
        [("B", 25, 30), ("C", 15, 25), ("A", 1, 15)],
    ),
    "a chain of children that end late": (
        [("A", None, 1, 29), ("B", "A", 15, 20), ("C", "B", 20, 20)],
        [("C", 20, 30), ("B", 15, 20), ("A", 1, 15)],
    ),
    "a child around its parent": (
        [("A", None, 10, 20), ("B", "A", 5, 30)],
        [("B", 10, 30)],
    ),
    "a child before its parent": (
        [("A", None, 10, 20), ("B", "A", 1, 4)],
        [("A", 10, 30)],
    ),
}


def path_of(given_rows):
    tree = build(given_rows)
    return [(tree.spans[i].name, a, b) for i, a, b in reversed(critical_path(tree))]


@pytest.mark.parametrize("case", JAEGER)
def test_jaegers_cases(case):
    given_spans, expected = JAEGER[case]
    assert path_of(rows(*given_spans)) == expected


def test_calls_that_meet_in_one_microsecond_are_both_on_the_path():
    spans = rows(("a", None, 0, 30), ("b", "a", 0, 10), ("c", "a", 10, 10), ("d", "a", 20, 10))
    assert path_of(spans) == [("d", 20, 30), ("c", 10, 20), ("b", 0, 10)]


def test_of_calls_that_end_together_the_longest_counts():
    spans = rows(("a", None, 0, 30), ("b", "a", 5, 20), ("c", "a", 15, 10))
    assert path_of(spans) == [("a", 25, 30), ("b", 5, 25), ("a", 0, 5)]


def test_without_a_root_the_spans_at_the_top_stand_for_it():
    assert path_of(rows(("b", "x", 0, 10), ("c", "x", 20, 10))) == [("c", 20, 30), ("b", 0, 10)]
    with_root = rows(("a", None, 0, 10), ("b", "x", 2, 20))
    assert path_of(with_root) == [("a", 0, 10)]


def test_a_trace_of_nothing_and_of_no_duration_has_no_path():
    assert path_of([]) == []
    assert path_of(rows(("a", None, 5, 0), ("b", "a", 5, 0))) == []


@given(
    st.lists(
        st.builds(
            Row, st.integers(1, 25), st.none() | st.integers(1, 25), st.integers(0, 60),
            st.integers(-3, 40), st.integers(0, 5), st.integers(1, 2),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_paths_never_overlap_and_stay_inside_their_spans(drawn):
    tree = build(drawn)
    path = critical_path(tree)
    reached = -1
    for index, start, end in path:
        assert reached <= start < end
        assert tree.starts_us[index] <= start
        assert end <= tree.stops_us[index]
        reached = end


@given(st.integers(1, 90), st.data())
def test_one_roots_path_is_as_long_as_the_root(took, data):
    children = data.draw(
        st.lists(st.tuples(st.integers(0, 5), st.integers(-20, 120), st.integers(0, 60)))
    )
    spans = [Row(1, None, 0, took)]
    for n, (above, start, length) in enumerate(children):
        spans.append(Row(n + 2, spans[min(above, n)].span_id, start, length))
    path = critical_path(build(spans))
    assert sum(end - start for _, start, end in path) == took


def test_forty_thousand_spans_deep_or_wide_are_walked_without_recursion():
    deep = [Row(n + 1, n or None, n, 80_000 - 2 * n) for n in range(40_000)]
    wide = [Row(1, None, 0, 80_000)] + [Row(n, 1, 2 * n, 1) for n in range(2, 40_000)]
    assert len(critical_path(build(deep))) == 79_999
    assert len(critical_path(build(wide))) == 2 * 39_998 + 1
