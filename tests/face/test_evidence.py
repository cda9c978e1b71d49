"""The pages of traces and log lines, on real rows."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.http import QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import UnavailableError
from apps.core.timerange import TimeRange
from apps.monitoring.api import searches
from apps.monitoring.queries import logs, traces, walk
from apps.monitoring.queries.logs import LogFilter
from apps.monitoring.queries.traces import TraceFilter
from apps.monitoring.store.rows import Resource
from apps.monitoring.traces import reading
from portal.evidence import filters
from portal.templatetags.telemetry import after, duration, percent_of, visible
from tests.face.evidence import ERROR, HOSTILE, NOW, line, span, store
from tests.monitoring.store.conftest import clear

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_store(transactional_db) -> None:
    clear()


def hour() -> TimeRange:
    return TimeRange(NOW - timedelta(hours=1), NOW + timedelta(minutes=1))


def names(**more) -> list[str]:
    found = traces.search(hour(), TraceFilter("evidence-shop", **more))
    return [row.name for row in found.rows]


def test_recent_traces_are_root_spans_newest_first():
    one = uuid4()
    store(
        span("GET /cart", 0, 5, trace=one),
        span("SELECT", 1, 2, trace=one, id=2, parent_id=1),
        span("POST /order", 1000, 80, status=2),
    )
    assert names()[:2] == ["POST /order", "GET /cart"]
    assert "SELECT" not in names()
    assert names(failed=True)[:1] == ["POST /order"]
    assert names(least_us=50_000)[:1] == ["POST /order"]
    assert names(text="cart")[:1] == ["GET /cart"]
    assert names(text="%") == []
    assert traces.search(hour(), TraceFilter("nobody")).rows == []


def test_a_trace_is_a_tree_depth_first():
    one = uuid4()
    store(
        span("root", 0, 100, trace=one, id=1),
        span("late child", 50, 20, trace=one, id=3, parent_id=1),
        span("child", 10, 30, trace=one, id=2, parent_id=1),
        span("grandchild", 15, 5, trace=one, id=4, parent_id=2, status=2),
        span("orphan", 60, 5, trace=one, id=5, parent_id=99),
    )
    trace = reading.read(one)
    assert trace is not None
    tree = trace.tree
    assert [(s.name, depth) for s, depth in zip(tree.spans, tree.depths, strict=True)] == [
        ("root", 0), ("child", 1), ("grandchild", 2), ("late child", 1), ("orphan", 0),
    ]  # fmt: skip
    assert trace.duration_us == 100_000
    assert [tree.orphan(i) for i in range(5)] == [False, False, False, False, True]
    assert trace.self_us == [50_000, 25_000, 5_000, 20_000, 5_000]


def test_spans_that_are_each_others_parents_are_shown_all_the_same():
    one = uuid4()
    store(
        span("a", 0, 1, trace=one, id=1, parent_id=2),
        span("b", 1, 1, trace=one, id=2, parent_id=1),
        span("self", 2, 1, trace=one, id=3, parent_id=3),
    )
    trace = reading.read(one)
    assert trace is not None
    tree = trace.tree
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
    trace = reading.read(one)
    assert trace is not None
    tree = trace.tree
    assert tree.spans[0].service == name[:600]


def test_an_unknown_trace_is_none_and_its_page_says_so(staff_client):
    assert reading.read(uuid4()) is None
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
        found = logs.search(hour(), LogFilter("evidence-shop", **more))
        return [row.body for row in found.rows]

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
        ("/admin/logs/?after=1.2.3.4", 400),
        ("/admin/logs/?after=9999999999999999.1.1", 400),
        ("/admin/logs/?after=1764000000000000.4294967295.70000", 400),
        ("/admin/logs/?attr=nothing", 400),
        ("/admin/logs/?text=%00", 200),
        ("/admin/traces/?service=%00", 200),
    ],
)
def test_wrong_filters_are_told_and_never_a_fault(staff_client, address, status):
    assert staff_client.get(address).status_code == status


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/admin/logs/?level=loud&text=mine", 'id="level-mistake"'),
        ("/admin/traces/?least_ms=-1&text=mine", 'id="least-mistake"'),
        ("/admin/logs/?from=yesterday&text=mine", 'id="range-from-error">`from` is not a time'),
        ("/admin/traces/?from=now&to=now-1h&text=mine", 'aria-invalid="true"'),
        ("/admin/logs/?attr=nothing&text=mine", "Write &#x27;nothing&#x27; as name:value."),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_the_others_keep_what_was_typed(
    staff_client, address, told
):
    store(line("mine", NOW), span("mine", 0, 5))
    answer = staff_client.get(address)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert told in page
    assert 'name="text" value="mine"' in page
    assert "This cannot be shown" in page
    # A filter that was not understood must not look like one that found nothing, or everything.
    assert "Nothing found" not in page
    assert "data-scroller" not in page


@given(st.text(max_size=300))
def test_any_filter_text_is_understood_or_refused_politely(text):
    query = QueryDict(mutable=True)
    query.update(dict.fromkeys(("from", "least_ms", "level", "trace", "text", "attr"), text))
    for parameters in (searches.LogParameters, searches.TraceParameters):
        asked = filters.read(query, parameters)
        assert all(asked.mistakes.values())
    only = QueryDict(mutable=True)
    only["text"] = text
    assert filters.read(only, searches.LogParameters).values["text"] == text.replace("\0", "")[:200]


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0 µs"), (999, "999 µs"), (1500, "1.5 ms"), (999_499, "999 ms"), (999_500, "1 s"),
     (12_345_678, "12.3 s")],
)  # fmt: skip
def test_durations_are_written_in_their_natural_unit(us, text):
    assert duration(us) == text


def test_without_a_script_a_list_goes_on_by_a_link(staff_client):
    store(*[line(f"line {n:03}", NOW) for n in range(120)])
    seen: list[str] = []
    address = "/admin/logs/?service=evidence-shop&text=line"
    while address:
        page = staff_client.get(address)
        seen += [row.body for row in page.context["rows"]]
        older = page.context["listed"].older
        address = "/admin/logs/" + older if older else ""
    assert sorted(seen) == [f"line {n:03}" for n in range(120)]


def test_the_plain_table_holds_up_to_a_thousand_rows(staff_client):
    store(*[line(f"line {n:03}", NOW) for n in range(120)])
    page = staff_client.get("/admin/logs/?plain=1&service=evidence-shop")
    assert len(page.context["rows"]) == 120
    assert "data-plain" in page.content.decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_comes_from_outside_is_text_in_the_page(staff_client, text):
    one = uuid4()
    store(line(text, trace=one, evil=text), span(text, 0, 5, trace=one, attrs={text: text}))
    for address in ("/admin/logs/", "/admin/traces/", f"/admin/traces/{one.hex}/"):
        shown = staff_client.get(address).content.decode()
        assert "<script>document" not in shown
        assert "<img src=x" not in shown
        assert "<b onmouseover" not in shown
        table = shown[shown.index("<table") : shown.rindex("</table>")]
        assert not set(table) & set("\u202e\u2066\x07\x1b")


def test_only_who_may_read_spans_and_log_records_sees_them(staff_client):
    one = uuid4()
    store(span("GET /x", 0, 5, trace=one), line("a secret line", trace=one))
    user = User.objects.create_user("visitor", password="x", is_staff=True)
    visitor = Client()
    visitor.force_login(user)
    pages = ("/admin/logs/", "/admin/traces/", f"/admin/traces/{one.hex}/")
    assert [visitor.get(page).status_code for page in pages] == [403, 403, 403]
    assert "/admin/logs/" not in visitor.get("/admin/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_span"))
    assert [visitor.get(page).status_code for page in pages] == [403, 200, 200]
    assert "a secret line" not in visitor.get(pages[2]).content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_logrecord"))
    assert "a secret line" in visitor.get(pages[2]).content.decode()
    assert Client().get("/admin/logs/").status_code == 302


def test_a_filter_without_a_field_can_be_taken_away(staff_client):
    store(line("kept", colour="red"), line("left out", colour="blue"))
    page = staff_client.get("/admin/logs/?attr=colour:red&service=evidence-shop")
    assert [row.body for row in page.context["rows"]] == ["kept"]
    assert page.context["chosen"] == [("colour", "red", "?service=evidence-shop")]


def test_letters_that_cannot_be_seen_are_spelled_out():
    assert visible("a\u202eb\0c\x1b") == "a⟨U+202E⟩b⟨U+0000⟩c⟨U+001B⟩"
    assert visible("한글 ☕ line\nbreak\ttab") == "한글 ☕ line\nbreak\ttab"
    assert after(NOW, NOW + timedelta(milliseconds=3)) == "−3 ms"
    assert (percent_of(-1, 10), percent_of(5, 0), percent_of(1, 8)) == (
        "0.000%",
        "100.000%",
        "12.500%",
    )
