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
