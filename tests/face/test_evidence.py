"""The lists of traces and log lines, on real rows."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInputError, UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.intake.commit import committer
from apps.monitoring.queries import logs, traces, walk
from apps.monitoring.store.rows import Batch, LogRecord, Resource, Span
from portal.evidence import filters
from portal.evidence.keyset import page
from portal.evidence.waterfall import bars
from portal.templatetags.telemetry import duration
from tests.monitoring.store.conftest import clear

pytestmark = pytest.mark.django_db(transaction=True)
# Inside the partitions of today, and long enough ago that nothing else writes there.
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
SHOP = Resource({"service.name": "evidence-shop"})
INFO, ERROR = 9, 17


@pytest.fixture(autouse=True)
def empty_store(transactional_db) -> None:
    clear()


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000_000


def span(name: str, start_ms: int, took_ms: int, **more) -> Span:
    start = ns(NOW) + start_ms * 1_000_000
    fields = {
        "resource": SHOP, "trace_id": more.pop("trace", uuid4()).bytes,
        "span_id": more.pop("id", 1).to_bytes(8, "big"), "parent_id": None, "name": name,
        "kind": 2, "start_ns": start, "end_ns": start + took_ms * 1_000_000, "status": 0,
        "attrs": {}, **more,
    }  # fmt: skip
    if isinstance(fields["parent_id"], int):
        fields["parent_id"] = fields["parent_id"].to_bytes(8, "big")
    return Span(**fields)


def line(body: str, at: datetime = NOW, severity: int = INFO, trace: UUID | None = None):
    return LogRecord(SHOP, ns(at), ns(at), severity, body, {}, trace.bytes if trace else None)


def store(*rows) -> None:
    batch = Batch(
        spans=[row for row in rows if isinstance(row, Span)],
        logs=[row for row in rows if isinstance(row, LogRecord)],
    )
    assert committer().submit(batch).result(20).accepted == len(rows)


def hour() -> TimeRange:
    return TimeRange(NOW - timedelta(hours=1), NOW + timedelta(minutes=1))


def names(**more) -> list[str]:
    return [row.name for row in traces.recent(hour(), "evidence-shop", **more)]


def test_recent_traces_are_root_spans_newest_first():
    one = uuid4()
    store(
        span("GET /cart", 0, 5, trace=one),
        span("SELECT", 1, 2, trace=one, id=2, parent_id=1),
        span("POST /order", 1000, 80, status=2),
    )
    assert names()[:2] == ["POST /order", "GET /cart"]
    assert "SELECT" not in names()
    assert names(failed_only=True)[:1] == ["POST /order"]
    assert names(least_us=50_000)[:1] == ["POST /order"]
    assert names(text="cart")[:1] == ["GET /cart"]
    assert names(text="%") == []
    assert traces.recent(hour(), "nobody") == []


def test_a_trace_is_a_tree_depth_first():
    one = uuid4()
    store(
        span("root", 0, 100, trace=one, id=1),
        span("late child", 50, 20, trace=one, id=3, parent_id=1),
        span("child", 10, 30, trace=one, id=2, parent_id=1),
        span("grandchild", 15, 5, trace=one, id=4, parent_id=2, status=2),
        span("orphan", 60, 5, trace=one, id=5, parent_id=99),
    )
    tree = traces.tree(one)
    assert tree is not None
    assert [(s.name, s.depth) for s in tree.spans] == [
        ("root", 0), ("child", 1), ("grandchild", 2), ("late child", 1), ("orphan", 0),
    ]  # fmt: skip
    assert tree.duration_us == 100_000
    assert [s.orphan for s in tree.spans] == [False, False, False, False, True]
    drawn = bars(tree)
    assert (drawn[0].left, drawn[0].width) == ("0.000%", "100.000%")
    assert (drawn[1].left, drawn[1].width) == ("10.000%", "30.000%")


def test_spans_that_are_each_others_parents_are_shown_all_the_same():
    one = uuid4()
    store(
        span("a", 0, 1, trace=one, id=1, parent_id=2),
        span("b", 1, 1, trace=one, id=2, parent_id=1),
        span("self", 2, 1, trace=one, id=3, parent_id=3),
    )
    tree = traces.tree(one)
    assert tree is not None
    assert sorted(s.name for s in tree.spans) == ["a", "b", "self"]


@pytest.mark.parametrize("name", ["items", "keys", "0", "<b>"])
def test_a_span_may_have_attributes_of_any_name(staff_client, name):
    one = uuid4()
    store(span("odd", 0, 1, trace=one, attrs={name: "worth <i>"}))
    answer = staff_client.get(f"/admin/traces/{one.hex}/")
    assert answer.status_code == 200
    assert "worth &lt;i&gt;" in answer.content.decode()


def test_a_span_that_claims_to_last_for_centuries_is_shown(staff_client):
    one = uuid4()
    store(span("endless", 0, 1000 * 86_400 * 365 * 200, trace=one), line("its line", trace=one))
    answer = staff_client.get(f"/admin/traces/{one.hex}/")
    assert answer.status_code == 200
    assert "its line" in answer.content.decode()


def test_a_service_name_longer_than_an_index_entry_is_cut_not_refused(staff_client):
    one = uuid4()
    name = "".join(chr(0x4E00 + (7919 * n) % 20_000) for n in range(1300))
    store(span("far", 0, 1, trace=one, resource=Resource({"service.name": name})))
    tree = traces.tree(one)
    assert tree is not None
    assert tree.spans[0].service == name[:600]


def test_an_unknown_trace_is_none_and_its_page_says_so(staff_client):
    assert traces.tree(uuid4()) is None
    answer = staff_client.get(f"/admin/traces/{uuid4().hex}/")
    assert answer.status_code == 404
    assert "older than the retention" in answer.content.decode()


def test_log_lines_are_found_by_level_text_and_trace(staff_client):
    one = uuid4()
    store(
        line("payment took 100% of the time", trace=one),
        line("payment failed", NOW + timedelta(seconds=1), ERROR, one),
        line("<script>alert(1)</script>", NOW + timedelta(seconds=2)),
    )

    def bodies(**more) -> list[str]:
        return [row.body for row in logs.recent(hour(), "evidence-shop", **more)]

    assert bodies()[0] == "<script>alert(1)</script>"
    assert bodies(level="error")[:1] == ["payment failed"]
    assert bodies(text="100%") == ["payment took 100% of the time"]
    assert bodies(text="PAYMENT")[:1] == ["payment failed"]
    assert len(bodies(trace_id=one)) == 2
    listed = staff_client.get("/admin/logs/", {"service": "evidence-shop"}).content.decode()
    assert "<script>alert(1)" not in listed
    assert one.hex in listed
    store(span("GET /pay", 0, 5, trace=one))
    shown = staff_client.get(f"/admin/traces/{one.hex}/").content.decode()
    assert "payment failed" in shown
    assert "GET /pay" in shown


def test_a_search_that_takes_too_long_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(walk, "_TIMEOUT_MS", 20)
    with pytest.raises(UnavailableError, match="narrow the range"), walk.bounded_cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/admin/traces/?from=yesterday", 400),
        ("/admin/traces/?least_ms=-1", 400),
        ("/admin/traces/not-a-trace/", 400),
        ("/admin/logs/?level=loud", 400),
        ("/admin/logs/?trace=xyz", 400),
        ("/admin/logs/?from=now&to=now-1h", 400),
        ("/admin/logs/?text=%00", 200),
        ("/admin/traces/?service=%00", 200),
    ],
)
def test_wrong_filters_are_told_and_never_a_fault(staff_client, address, status):
    assert staff_client.get(address).status_code == status


class Row:
    def __init__(self, ts: int) -> None:
        self.ts = datetime.fromtimestamp(ts, UTC)


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(2, 6))
def test_paging_on_loses_no_row_unless_a_whole_page_is_of_one_moment(times, size):
    rows = sorted((Row(at) for at in times), key=lambda row: row.ts, reverse=True)
    if any(times.count(at) > size for at in times):
        return
    seen: list[Row] = []
    end = datetime.max.replace(tzinfo=UTC)
    while True:
        shown, older = page([row for row in rows if row.ts < end][: size + 1], size)
        seen += shown
        if older is None:
            break
        assert older < end
        end = older
    assert [id(row) for row in seen] == [id(row) for row in rows]


@given(st.text(max_size=300))
def test_any_filter_text_is_understood_or_refused_politely(text):
    query = dict.fromkeys(("from", "least_ms", "level", "trace", "text"), text)
    with suppress(InvalidInputError):
        assert filters.read(query).text == text[:200].replace("\0", "")


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0 µs"), (999, "999 µs"), (1500, "1.5 ms"), (999_499, "999 ms"), (999_500, "1 s"),
     (12_345_678, "12.3 s")],
)  # fmt: skip
def test_durations_are_written_in_their_natural_unit(us, text):
    assert duration(us) == text
