"""RED equals a brute-force count of the spans that entered, whatever order they came in."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.timerange import TimeRange
from apps.monitoring.queries import red as reads
from apps.monitoring.queries.red import Operation, Wanted
from apps.monitoring.store import histograms, red, rollups
from apps.monitoring.store.rows import Batch, Resource
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make
from tests.monitoring.store.conftest import clear

DAY = timedelta(days=1)
SHOP = Resource({"service.name": "shop", "host.name": "a"})
SHOP_B = Resource({"service.name": "shop", "host.name": "b"})
STOCK = Resource({"service.name": "stock"})
SERVER, CLIENT, CONSUMER = 2, 3, 5
QUICK = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def writer(store):
    made = Writer()
    yield made
    made.close()


def midnight():
    """The start of yesterday."""
    now = datetime.now(UTC)
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - DAY


@st.composite
def spans(draw):
    """(second of two days, duration µs, resource, name, kind, has parent, status, http status)."""
    one = st.tuples(
        st.integers(0, 2 * 86_400 - 1),
        st.one_of(st.integers(0, 5), st.integers(1, 10**7), st.just(500_000)),
        st.sampled_from([SHOP, SHOP_B, STOCK]),
        st.sampled_from(["GET /", "POST /orders", "nightly"]),
        st.sampled_from([1, SERVER, CLIENT, CONSUMER]),
        st.booleans(),
        st.sampled_from([0, 0, 2]),
        st.sampled_from([None, 200, "204", 404, 500, "nonsense", 99]),
    )
    return draw(st.lists(one, min_size=1, max_size=60))


def row(begin, told):
    second, micros, resource, name, kind, has_parent, status, http = told
    start = int(begin.timestamp() + second) * 10**9
    attrs = {} if http is None else {"http.response.status_code": http}
    return make.span(
        name, resource, start, end_ns=start + micros * 1000, kind=kind, status=status, attrs=attrs,
        parent_id=b"12345678" if has_parent else None,
    )  # fmt: skip


def expected(told, low, high):
    """(n, errors, HTTP classes, all durations) by service, name and kind."""
    found = defaultdict(lambda: [0, 0, [0] * 5, []])
    for second, micros, resource, name, kind, has_parent, status, http in told:
        if not low <= second < high or not (kind in (SERVER, CONSUMER) or not has_parent):
            continue
        cell = found[resource.service, name, kind]
        digit = int(str(http)[0]) if str(http) in ("200", "204", "404", "500") else 0
        cell[0] += 1
        cell[1] += status == 2 or (digit == 5 and kind == SERVER)
        if digit:
            cell[2][digit - 1] += 1
        cell[3].append(micros / 1e6)
    return {key: tuple(cell) for key, cell in found.items()}


def as_counted(found):
    return {
        tuple(operation): (f.n, f.err, f.classes, f.state.count, pytest.approx(f.sum))
        for operation, f in found.items()
    }


EVERY = Wanted(kinds=(0, 1, 2, 3, 4, 5))


@QUICK
@given(
    told=spans(),
    seed=st.integers(0, 2**32),
    edges=st.tuples(st.integers(0, 2880), st.integers(1, 2880)),
)
def test_red_equals_brute_force_from_days_hours_minutes_and_spans(writer, told, seed, edges):
    writer.close()
    clear()
    chance, begin = random.Random(seed), midnight()
    now = datetime.now(UTC)
    told = [one for one in told if begin + timedelta(seconds=one[0]) < now]
    late = len(told) // 2
    for part in (told[:late], told[late:]):
        if part:
            writer.write([Batch(spans=[row(begin, one) for one in part])])
        if chance.random() < 0.7:
            rollups.roll_up()
    rollups.roll_up()
    low, high = sorted(edges)
    for start, end in ((low, high + 1), (0, 2880)):
        time_range = TimeRange(begin + timedelta(minutes=start), begin + timedelta(minutes=end))
        found = reads.operations(time_range, EVERY)
        wanted = expected(told, start * 60, end * 60)
        assert as_counted(found) == {
            key: (n, err, classes, n, sum(values))
            for key, (n, err, classes, values) in wanted.items()
        }
        for operation, figures in found.items():
            values = wanted[tuple(operation)][3]
            exact = sorted(values)[max(1, -(-len(values) * 19 // 20)) - 1]
            assert figures.quantile(0.95) == pytest.approx(exact, rel=0.011)


def test_a_step_of_a_chart_holds_what_began_in_it(writer):
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
    told = [(60 * i, 1000 * (i + 1), SHOP, "GET /", SERVER, True, 0, 200) for i in range(120)]
    writer.write([Batch(spans=[row(begin, one) for one in told])])
    rollups.roll_up()
    time_range = TimeRange(begin, begin + timedelta(hours=2))
    steps, length, found = reads.over_time(time_range, 600, Wanted(service="shop"))
    by_step = found[Operation("shop", "GET /", SERVER)]
    assert length == timedelta(minutes=10)
    assert sum(figures.n for figures in by_step.values()) == 120
    for step, figures in by_step.items():
        inside = [
            one[1] / 1e6
            for one in told
            if step <= begin + timedelta(seconds=one[0]) < step + length
        ]
        assert step in steps
        assert figures.n == len(inside)
        assert figures.quantile(1.0) == pytest.approx(max(inside), rel=0.011)


def test_spans_of_this_moment_count_before_anything_is_rolled_up(writer):
    writer.write([Batch(spans=[make.span("GET /now", SHOP) for _ in range(3)])])
    now = datetime.now(UTC)
    found = reads.operations(TimeRange(now - timedelta(minutes=5), now + timedelta(minutes=1)))
    assert found[Operation("shop", "GET /now", SERVER)].n == 3


def test_rolling_up_twice_changes_nothing_and_the_journal_is_empty(writer, rows):
    begin = midnight()
    writer.write(
        [Batch(spans=[row(begin, (i, 10, SHOP, "GET /", 2, True, 0, 200)) for i in range(9)])]
    )
    rollups.roll_up()
    before = rows("SELECT * FROM tm_red_1d")
    rows("INSERT INTO tm_dirty VALUES (5, %s), (15, %s)", begin, begin)
    rollups.roll_up()
    assert rows("SELECT * FROM tm_red_1d") == before != []
    # Yesterday is over, and what is left is for the bottlenecks.
    assert rows("SELECT count(*) FROM tm_dirty WHERE kind <> 8") == [(0,)]


def test_names_that_are_data_share_one_operation_and_sums_stay_right(writer, monkeypatch):
    monkeypatch.setattr(red, "MOST_OPERATIONS", 3)
    begin = midnight()
    told = [(i % 50, 10, SHOP, f"GET /users/{min(i, 20)}", 2, True, 0, 200) for i in range(100)]
    writer.write([Batch(spans=[row(begin, one) for one in told])])
    rollups.roll_up()
    found = reads.operations(TimeRange(begin, begin + timedelta(hours=1)))
    assert len(found) == 4
    assert found[Operation("shop", "GET /users/20", 2)].n == 80
    assert found[Operation("shop", red.OTHER, 2)].n == 18


def test_an_exemplar_of_a_minute_is_its_slowest_and_its_slowest_failure(writer, rows):
    begin = midnight()
    told = [(1, 9_000_000, 0, 200), (2, 1000, 2, 500), (3, 10, 0, 200)]
    spans = [row(begin, (at, us, SHOP, "GET /", 2, True, how, http)) for at, us, how, http in told]
    writer.write([Batch(spans=spans)])
    rollups.roll_up()
    ((exemplars,),) = rows("SELECT exemplars FROM tm_red_1h")
    chosen = {(one["trace_id"], one["failed"]) for one in orjson.loads(exemplars)}
    assert {(spans[0].trace_id.hex(), False), (spans[1].trace_id.hex(), True)} <= chosen


def test_whole_microseconds_fall_into_the_bucket_of_the_formula():
    borders = np.array(red.borders())
    near = np.unique(np.concatenate([borders - 1, borders, borders + 1, 2 ** np.arange(40)]))
    near = near[(near > 0) & (near < 10**13)]
    places = np.searchsorted(borders, near, side="right") - 1 + red._LOWEST
    assert (places == histograms.indexes(near / 1e6)).all()
    assert all(a <= b for a, b in pairwise(red.borders()))
