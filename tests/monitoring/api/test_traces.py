"""The list of traces, and one whole trace."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.queries.selftime import self_times
from apps.monitoring.traces import reading
from tests.face.evidence import NOW, checkout, span
from tests.face.evidence import store as add
from tests.monitoring.store.conftest import rows  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/performance/traces"
RANGE = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": (NOW + timedelta(1)).isoformat()}


def test_only_readers_are_let_in(key, staff_client, client, store):
    one = uuid4()
    add(*checkout(one))
    for path in (URL, f"{URL}/{one.hex}"):
        assert client.get(path).status_code == 401
        assert key("ingest").get(path).status_code == 403
        assert key("read").get(path).status_code == 200
        assert staff_client.get(path).status_code == 200
        assert key("read").delete(path).status_code == 405


def test_spans_of_one_moment_are_paged_without_a_gap_and_twins_are_one(reader, store):
    one = uuid4()
    add(*[span(f"GET /{n}", 0, 5, trace=one, id=n + 1) for n in range(60)])
    add(*[span(f"GET /{n}", 0, 5, trace=one, id=n + 1) for n in range(60)])
    asked = {"service": "evidence-shop", "page_size": 9, **RANGE}
    seen, cursor = [], None
    while True:
        body = reader.get(URL, {**asked, **({"cursor": cursor} if cursor else {})}).json()
        seen += [item["name"] for item in body["items"]]
        if (cursor := body["next_cursor"]) is None:
            break
    assert sorted(seen) == sorted(f"GET /{n}" for n in range(60))


def test_filters_of_traces(reader, store):
    add(span("GET /cart", 0, 5), span("POST /order", 10, 80, status=2), *checkout(uuid4()))

    def names(**query):
        items = reader.get(URL, {**RANGE, "service": "evidence-shop", **query}).json()["items"]
        return [item["name"] for item in items]

    assert names(failed="true") == ["POST /order"]
    assert names(least_ms=100) == ["POST /checkout"]
    assert names(text="CART") == ["GET /cart"]
    assert reader.get(URL, {"least_ms": -1}).status_code == 400
    assert reader.get(URL, {"failed": "perhaps"}).status_code == 400


def test_any_span_is_found_by_what_it_says_of_itself(reader, store):
    one = uuid4()
    add(
        span("GET /cart", 0, 5, trace=one, attrs={"http.route": "/cart",
             "http.response.status_code": 503, "user.tier": "gold", "n": "12"}),
        span("SELECT", 1, 2, trace=one, id=2, parent_id=1, kind=3,
             attrs={"db.rows": 12, "db.cached": False, "tricky": "a:b 100%", "n": 12}),
        span("POST /pay", 2, 2, trace=one, id=3, parent_id=2, attrs={"http.status_code": 404}),
    )  # fmt: skip

    def names(**query):
        query = {**RANGE, "service": "evidence-shop", "of": "spans", **query}
        return [item["name"] for item in reader.get(URL, query).json()["items"]]

    assert names(attr="user.tier:gold") == ["GET /cart"]
    assert names(attr="db.rows:12") == ["SELECT"]
    # As text and as a number.
    assert names(attr="n:12") == ["SELECT", "GET /cart"]
    assert names(attr=["db.cached:false", "tricky:a:b 100%"]) == ["SELECT"]
    assert names(attr="db.rows:13") == []
    assert names(has="http.route") == ["GET /cart"]
    assert names(has=["db.rows", "http.route"]) == []
    assert names(route="/cart") == ["GET /cart"]
    assert names(name="POST /pay") == ["POST /pay"]
    assert names(code="5xx") == ["GET /cart"]
    assert names(code="404") == ["POST /pay"]
    assert names(most_ms=2) == ["POST /pay", "SELECT"]
    assert names(of="roots") == ["GET /cart"]
    assert names(of="entries") == ["POST /pay", "GET /cart"]
    assert names(trace=one.hex, text="SEL") == ["SELECT"]
    for wrong in (
        {"code": "700"},
        {"attr": "nul\0:x"},
        {"of": "some"},
        {"attr": "noColon"},
        {"after": "1.2.3"},
    ):
        assert reader.get(URL, wrong).status_code == 400


def test_a_search_goes_on_where_it_was_though_the_rows_moved(reader, store, rows):  # noqa: F811
    add(*[span(f"GET /{n}", n % 3, 5, id=n + 1) for n in range(20)])
    asked = {"service": "evidence-shop", "page_size": 7, **RANGE}
    first = reader.get(URL, asked).json()
    # Written anew in another order, as when a partition is replaced by a smaller one.
    rows("CREATE TEMP TABLE kept AS SELECT * FROM tm_span ORDER BY span_id DESC")
    rows("DELETE FROM tm_span")
    rows("INSERT INTO tm_span SELECT * FROM kept")
    rows("DROP TABLE kept")
    seen, cursor = [item["name"] for item in first["items"]], first["next_cursor"]
    while cursor:
        body = reader.get(URL, {**asked, "cursor": cursor}).json()
        seen += [item["name"] for item in body["items"]]
        cursor = body["next_cursor"]
    assert sorted(seen) == sorted(f"GET /{n}" for n in range(20))


def test_a_trace_in_columns_and_a_span_by_itself(reader, store):
    one = uuid4()
    add(*checkout(one))
    whole = reader.get(f"{URL}/{one.hex}").json()
    shape = reader.get(f"{URL}/{one.hex}/shape").json()
    names = [shape["names"][i] for i in shape["name"]]
    assert names == [item["name"] for item in whole["spans"]]
    assert shape["path"] == whole["path"]
    assert sum(end - start for _, start, end in shape["path"]) == 240_000
    assert sum(item["critical_us"] for item in whole["spans"]) == 240_000
    ids = [shape["ids"][i : i + 16] for i in range(0, len(shape["ids"]), 16)]
    assert ids == [item["span_id"] for item in whole["spans"]]
    assert shape["parents_lost"] == {str(names.index("stray")): f"{999:016x}"}
    basket = reader.get(f"{URL}/{one.hex}/spans/{10:016x}").json()
    assert basket["attrs"] == {"db.query.text": "SELECT * FROM basket WHERE id = 0"}
    assert reader.get(f"{URL}/{one.hex}/spans/{77:016x}").status_code == 404
    assert reader.get(f"{URL}/{one.hex}/spans/nonsense").status_code == 400
    assert reader.get(f"{URL}/{uuid4().hex}/shape").status_code == 404


def test_two_traces_and_a_route_over_the_api(reader, store):
    one, other = uuid4(), uuid4()
    add(*checkout(one), *checkout(other)[:-1])
    body = reader.get(f"{URL}/compare", {"a": one.hex, "b": other.hex}).json()
    verdicts = {place["name"]: place["verdict"] for place in body["places"]}
    assert (verdicts["stray"], verdicts["charge"]) == ("removed", "same")
    assert reader.get(f"{URL}/compare", {"a": one.hex, "b": uuid4().hex}).status_code == 404
    assert reader.get(f"{URL}/compare", {"a": one.hex}).status_code == 400
    waits = reader.get(
        "/admin/performance/critical-path",
        {**RANGE, "service": "evidence-shop", "name": "POST /checkout"},
    ).json()
    assert waits["traces"] == 2
    assert sum(item["share"] for item in waits["operations"]) == pytest.approx(1)
    assert {item["worst"] for item in waits["operations"]} <= {one.hex, other.hex}
    nothing = reader.get("/admin/performance/critical-path", {"service": "nobody"}).json()
    assert nothing == {"traces": 0, "slow": 0, "mean_us": None, "operations": []}


@pytest.mark.parametrize(
    "path",
    ["/shape", f"/spans/{10:016x}", "?format=zipkin", "/../critical-path", "/../service-map"],
)
def test_who_may_not_see_spans_sees_none_in_any_shape(key, client, store, path):
    one = uuid4()
    add(*checkout(one))
    address = f"{URL}/{one.hex}{path}" if "/.." not in path else f"/admin/performance/{path[4:]}"
    assert client.get(address).status_code == 401
    assert key("ingest").get(address).status_code == 403
    assert key("read").get(address).status_code == 200


def test_a_whole_trace_with_its_services_and_self_times(reader, store):
    one = uuid4()
    add(*checkout(one))
    body = reader.get(f"{URL}/{one.hex}").json()
    assert body["duration_us"] == 240_000
    assert [part["name"] for part in body["services"]] == ["evidence-shop", "evidence-bank"]
    spans = {item["name"]: item for item in body["spans"]}
    # Two children at once, from 100 to 175 ms of its 90 to 190.
    assert spans["POST /charges"]["self_us"] == 25_000
    assert spans["POST /charges"]["parent_id"] == spans["charge"]["span_id"]
    assert spans["stray"]["orphan"] is True
    short = reader.get(f"{URL}/{one.hex}?most=3").json()
    assert (len(short["spans"]), short["truncated"]) == (3, True)
    assert reader.get(f"{URL}/{uuid4().hex}").status_code == 404
    assert reader.get(f"{URL}/nonsense").status_code == 400
    assert reader.get(f"{URL}/{one.hex}?most=999999").status_code == 400


@given(
    st.lists(st.tuples(st.integers(-50, 200), st.integers(-5, 100), st.integers(0, 6)), max_size=30)
)
def test_self_time_is_never_negative_nor_longer_than_the_span(drawn):
    spans, depth = [], -1
    for start, took, wanted in drawn:
        depth = min(wanted, depth + 1)
        spans.append((start, took, depth))
    for (_, took, _), alone in zip(spans, self_times(spans), strict=True):
        assert 0 <= alone <= max(took, 0)


def test_children_at_once_count_once_and_those_outside_for_nothing():
    assert self_times([(0, 100, 0), (10, 40, 1), (20, 40, 1), (90, 60, 1), (-30, 20, 1)])[0] == 40


def test_texts_beyond_what_fits_into_memory_are_cut_and_it_is_said(reader, store, monkeypatch):
    one = uuid4()
    long = {"text": "x" * 1000}
    add(*[span(f"GET /{n}", n, 5, trace=one, id=n + 1, attrs=long) for n in range(10)])
    monkeypatch.setattr(reading, "MOST_LETTERS", 5000)
    body = reader.get(f"{URL}/{one.hex}").json()
    assert (len(body["spans"]), body["truncated"]) == (4, True)
    assert len(reading.details(one)) == 4
    answer = reader.get(f"{URL}/{one.hex}", {"format": "otlp"})
    assert (answer.status_code, answer.json()["details"]["parameter"]) == (400, "most")
    assert reader.get(f"{URL}/{one.hex}", {"format": "otlp", "most": 3}).status_code == 200
