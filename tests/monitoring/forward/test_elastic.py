"""Documents of the bulk API, and what its answers mean."""

import json

import pytest

from apps.core.errors import InvalidInputError
from apps.core.outgoing import Answer
from apps.monitoring.forward import elastic as _elastic  # noqa: F401
from apps.monitoring.forward.base import BODY_BYTES, LOGS, METRICS, TRACES, Kind
from apps.monitoring.store.rows import Batch
from tests.monitoring.forward.conftest import Received, bulk_answer
from tests.monitoring.store import make

ELASTIC = Kind.registry["elasticsearch"]


def documents(parcel):
    lines = [json.loads(line) for line in parcel.body.splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


def only_parcel(**rows):
    (parcel,) = ELASTIC.parcels([Batch(**rows)], [TRACES, LOGS])
    return parcel


def judged(parcel, *statuses):
    got = Received("/_bulk", {}, parcel.body)
    return ELASTIC.judge(parcel, bulk_answer(*statuses)(got))


def test_a_log_record_is_a_document_of_the_common_schema():
    row = make.log(
        "booking failed", time_ns=1_700_000_000_123_456_789, severity=17, trace_id=b"t" * 16,
        span_id=b"s" * 8, attrs={"request_id": "r-1", "seat.no": 4},
    )  # fmt: skip
    ((action, document),) = documents(only_parcel(logs=[row]))
    assert action["create"]["_index"] == "logs-pharos-default"
    assert document["@timestamp"] == "2023-11-14T22:13:20.123456789Z"
    assert document["message"] == "booking failed"
    assert document["log"]["level"] == "error"
    assert document["service"]["name"] == "shop"
    assert document["trace"]["id"] == "74" * 16
    assert document["http"]["request"]["id"] == "r-1"
    assert document["attributes"]["seat.no"] == 4


def test_a_span_is_a_document_with_its_duration_in_nanoseconds():
    ((action, document),) = documents(only_parcel(spans=[make.span(status=2)]))
    assert action["create"]["_index"] == "traces-pharos-default"
    assert document["event"] == {"kind": "event", "duration": 5_000_000, "outcome": "failure"}
    assert document["span"]["kind"] == "server"


def test_the_same_row_has_the_same_id_and_another_row_another():
    row = make.log("one", time_ns=5, observed_ns=5)
    ids = {action["create"]["_id"] for action, _ in documents(only_parcel(logs=[row, row]))}
    assert len(ids) == 1
    other = documents(only_parcel(logs=[make.log("two", time_ns=5, observed_ns=5)]))
    assert other[0][0]["create"]["_id"] not in ids


def test_line_breaks_and_broken_text_stay_inside_their_document():
    parcel = only_parcel(logs=[make.log("a\nb\u2028c"), make.log("d", attrs={"k": 1 << 70})])
    assert [document["message"] for _, document in documents(parcel)] == ["a\nb\u2028c", "d"]


def test_a_bulk_holds_no_more_than_the_limit():
    parcels = list(
        ELASTIC.parcels([Batch(logs=[make.log("x" * 50_000) for _ in range(100)])], [LOGS])
    )
    assert sum(parcel.items for parcel in parcels) == 100
    assert all(len(parcel.body) <= BODY_BYTES for parcel in parcels)


def test_metrics_are_no_matter_of_its():
    assert METRICS not in ELASTIC.signals


def test_only_what_was_turned_away_for_now_is_sent_again():
    parcel = only_parcel(logs=[make.log(str(n)) for n in range(4)])
    verdict = judged(parcel, 201, 429, 400, 409)
    assert (verdict.sent, verdict.refused) == (2, 1)
    assert [document["message"] for _, document in documents(verdict.again)] == ["1"]
    assert "e429" in verdict.reason


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"items": 3}', b'{"items": [{}]}', b'{"items": []}', b"\xff"]
)
def test_an_answer_that_is_none_of_the_bulk_api_is_tried_again(body):
    parcel = only_parcel(logs=[make.log()])
    assert ELASTIC.judge(parcel, Answer(200, {}, body)).again == parcel


@pytest.mark.parametrize(
    ("status", "again"), [(429, True), (503, True), (401, False), (400, False)]
)
def test_a_whole_request_is_tried_again_only_when_it_may_help(status, again):
    parcel = only_parcel(logs=[make.log()])
    verdict = ELASTIC.judge(parcel, Answer(status, {"retry-after": "7"}, b""))
    assert (verdict.again == parcel) is again
    assert verdict.refused == (0 if again else 1)
    assert verdict.retry_after_s == (7.0 if again else None)


def test_credentials_are_an_api_key_or_a_user_and_password():
    assert ELASTIC.headers("ApiKey abc=") == {"Authorization": "ApiKey abc="}
    assert ELASTIC.headers("me:secret") == {"Authorization": "Basic bWU6c2VjcmV0"}
    assert ELASTIC.headers("") == {}
    for wrong in ("me", ":x", "me:", "ApiKey a\nb"):
        with pytest.raises(InvalidInputError):
            ELASTIC.headers(wrong)
