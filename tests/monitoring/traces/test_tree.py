"""Trees of spans, however odd the rows."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.traces.tree import CLIENT, CONSUMER, SERVER, build
from tests.monitoring.traces.make import Row, rows


def names(tree):
    return "".join(span.name for span in tree.spans)


def test_spans_come_depth_first_and_siblings_by_their_start():
    tree = build(rows(("d", "b", 30, 1), ("c", "a", 50, 1), ("a", None, 0, 99), ("b", "a", 20, 20)))
    assert names(tree) == "abdc"
    assert tree.depths == [0, 1, 2, 1]
    assert tree.parents == [-1, 0, 1, 0]
    assert tree.ends == [4, 3, 3, 4]
    assert list(tree.children(0)) == [1, 3]


def test_spans_whose_parent_is_missing_stand_at_the_top():
    tree = build(rows(("a", None, 0, 9), ("b", "x", 1, 2), ("c", "b", 1, 1)))
    assert tree.tops == [0, 1]
    assert [tree.orphan(i) for i in range(3)] == [False, True, False]
    assert tree.depths == [0, 0, 1]


def test_parents_in_a_circle_and_spans_sent_twice_are_all_there():
    circle = build(rows(("a", "b", 0, 9), ("b", "a", 1, 2), ("c", "c", 3, 1)))
    assert sorted(names(circle)) == ["a", "b", "c"]
    twice = build(rows(("a", None, 0, 9), ("a", None, 0, 9), ("b", "a", 1, 2)))
    assert names(twice).count("a") == 2
    assert twice.depths.count(1) == 1


def test_a_callee_whose_clock_is_late_begins_inside_its_caller():
    caller = Row(1, None, 1000, 100, CLIENT, 1)
    callee = Row(2, 1, 400, 60, SERVER, 2)
    below = Row(3, 2, 410, 10, CLIENT, 2)
    tree = build([callee, below, caller])
    # Half of what the caller waited beyond it: 20 there, 20 back.
    assert tree.starts_us == [1000, 1020, 1030]
    assert tree.skews_us == [0, 620, 620]


def test_clocks_of_one_host_and_of_messages_are_believed():
    one_host = build([Row(1, None, 1000, 100, CLIENT, 1), Row(2, 1, 400, 60, SERVER, 1)])
    message = build([Row(1, None, 1000, 100, CLIENT, 1), Row(2, 1, 400, 60, CONSUMER, 2)])
    later = build([Row(1, None, 1000, 100, CLIENT, 1), Row(2, 1, 1050, 900, SERVER, 2)])
    for tree in (one_host, message, later):
        assert tree.skews_us == [0, 0]


@given(
    st.lists(
        st.builds(
            Row, st.integers(1, 12), st.none() | st.integers(1, 13), st.integers(0, 60),
            st.integers(-3, 40), st.integers(0, 5), st.integers(1, 2),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_every_row_is_in_the_tree_once_and_below_its_parent(drawn):
    tree = build(drawn)
    assert Counter(tree.spans) == Counter(drawn)
    for i, above in enumerate(tree.parents):
        assert tree.depths[i] == (tree.depths[above] + 1 if above >= 0 else 0)
        if above >= 0:
            assert tree.spans[i].parent_id == tree.spans[above].span_id
            assert above < i < tree.ends[i] <= tree.ends[above]
            assert i in tree.children(above)
