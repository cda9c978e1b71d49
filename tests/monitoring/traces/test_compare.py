"""What differs between two traces, and what many of them wait for."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.traces import aggregate, compare
from apps.monitoring.traces.reading import Trace, TraceSpan
from apps.monitoring.traces.tree import build


def span(name, span_id, parent, start, took, service="shop", kind=1, status=0):
    return TraceSpan(span_id, parent, start, took, kind, 1, service, name, status)


def trace(*spans, number=1):
    return Trace(UUID(int=number), build(spans))


def places(found):
    return {place.name: place for place in found.places}


BEFORE = trace(
    span("GET /", 1, None, 0, 100_000),
    span("basket", 2, 1, 10_000, 20_000),
    span("old", 3, 1, 40_000, 5_000),
)
AFTER = trace(
    span("GET /", 1, None, 0, 300_000),
    span("basket", 2, 1, 10_000, 90_000),
    span("basket", 4, 1, 110_000, 90_000, status=2),
    span("new", 5, 1, 210_000, 2_000),
    number=2,
)


def test_places_are_added_removed_slower_or_the_same():
    found = places(compare.compare(BEFORE, AFTER))
    assert {name: place.verdict for name, place in found.items()} == {
        "GET /": "slower", "basket": "slower", "old": "removed", "new": "added",
    }  # fmt: skip
    basket = found["basket"]
    assert (basket.a.calls, basket.b.calls, basket.b.failed) == (1, 2, 1)
    assert (basket.a.total_us, basket.b.total_us) == (20_000, 180_000)
    assert compare.compare(AFTER, BEFORE).change_us == -200_000


def test_what_explains_the_difference_comes_first_and_adds_up():
    found = compare.compare(BEFORE, AFTER)
    assert [place.name for place in found.biggest()][:2] == ["basket", "GET /"]
    # Nothing runs at once here, so own times account for all of it.
    assert sum(place.self_change_us for place in found.places) == found.change_us


def test_a_trace_does_not_differ_from_itself():
    assert {place.verdict for place in compare.compare(BEFORE, BEFORE).places} == {"same"}


def test_one_name_in_two_places_is_two_places():
    one = trace(
        span("a", 1, None, 0, 100), span("q", 2, 1, 0, 10), span("b", 3, 1, 20, 50),
        span("q", 4, 3, 20, 10),
    )  # fmt: skip
    found = [(p.name, p.depth, p.a.calls) for p in compare.compare(one, one).places]
    assert found == [("a", 0, 1), ("q", 1, 1), ("b", 1, 1), ("q", 2, 1)]


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=25))
def test_totals_of_the_top_places_hold_all_own_time(drawn):
    spans = [span("r", 1, None, 0, 10_000)]
    for n, (above, name) in enumerate(drawn):
        parent = spans[min(above, n)]
        spans.append(span(name, n + 2, parent.span_id, parent.start_us + n, 50))
    one = trace(*spans)
    found = compare.compare(one, one)
    assert sum(p.a.total_us for p in found.places if p.depth == 0) == sum(one.self_us)
    assert sum(p.a.calls for p in found.places) == len(spans)


def test_paths_of_many_traces_are_added_up_by_operation():
    fast = [
        trace(span("GET /", 1, None, 0, 10_000), span("cache", 2, 1, 0, 4_000), number=n)
        for n in range(1, 10)
    ]
    slow = trace(span("GET /", 1, None, 0, 110_000), span("SELECT", 2, 1, 0, 100_000), number=10)
    found = aggregate.aggregate([*fast, slow])
    shares = {
        one.name: (found.share(one), found.slow_share(one), one.traces) for one in found.operations
    }
    assert (found.traces, found.slow) == (10, 1)
    assert shares["SELECT"] == (0.5, 100 / 110, 1)
    assert shares["cache"] == (9 * 4 / 200, 0.0, 9)
    worst = found.operations[0]
    assert (worst.name, worst.worst, worst.worst_us) == ("SELECT", UUID(int=10), 100_000)
    assert sum(found.share(one) for one in found.operations) == 1
    assert aggregate.aggregate([]).operations == []


def test_time_belongs_to_the_call_that_last_crossed_between_services():
    one = trace(
        span("GET /", 1, None, 0, 100),
        span("call", 2, 1, 10, 60),
        span("POST /pay", 3, 2, 20, 40, service="bank"),
        span("SELECT", 4, 3, 20, 30, service="bank"),
    )
    assert aggregate.between_services([one]) == {("", "shop"): 0.6, ("shop", "bank"): 0.4}
    assert aggregate.between_services([]) == {}
