"""The OTLP/HTTP table, C1 to C24: each line once, through the real web server.

The finer points of a line have tests of their own in `test_http`, `test_body` and `test_decode*`.
"""

import gzip
import json
import math
import socket
import time
import zlib
from collections.abc import Callable

import httpx
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from apps.core.services import apikeys
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.conftest import LIMIT_BYTES, ORIGIN, QUOTA_BYTES, Intake
from tests.monitoring.intake.decoding import as_otlp_json
from tests.monitoring.intake.test_sdk import store_away

PROTOBUF = "application/x-protobuf"
LINES: dict[str, Callable[..., None]] = {}


def line(check: Callable[..., None]) -> Callable[..., None]:
    LINES[check.__name__.partition("_")[0].upper()] = check
    return check


def stored(rows, *spans: Span) -> int:
    ids = [span.trace_id.hex() for span in spans]
    return rows("SELECT count(*) AS n FROM tm_span WHERE trace_id = ANY(%(ids)s::uuid[])", ids=ids)[
        0
    ]["n"]


def partial(answer: httpx.Response) -> ExportTraceServiceResponse:
    assert answer.status_code == 200
    return ExportTraceServiceResponse.FromString(answer.content).partial_success


@line
def c1_both_slash_forms_without_a_redirect(intake: Intake, rows):
    for signal in ("traces", "logs", "metrics"):
        for slash in ("", "/"):
            assert intake.send(f"/v1/{signal}{slash}").status_code == 200


@line
def c2_protobuf_is_answered_in_protobuf_with_an_empty_body(intake: Intake, rows):
    answer = intake.send("/v1/traces", m.traces(m.span()), content_type=f"{PROTOBUF}; v=1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == PROTOBUF


@line
def c3_json_is_answered_in_json(intake: Intake, rows):
    answer = intake.send_json("/v1/traces", as_otlp_json(m.traces(m.span())))
    assert (answer.headers["content-type"], answer.json()) == ("application/json", {})


@line
def c4_json_ids_are_hex_enums_are_numbers_and_unknown_keys_nothing(intake: Intake, rows):
    span = m.span()
    document = json.loads(as_otlp_json(m.traces(span)))
    found = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    found |= {"traceId": span.trace_id.hex().upper(), "kind": 2, "start_time_unix_nano": "x"}
    assert intake.send_json("/v1/traces", document | {"later": 1}).status_code == 200
    assert stored(rows, span) == 1
    found["kind"] = "SPAN_KIND_SERVER"
    assert intake.send_json("/v1/traces", document).status_code == 400


@line
def c5_nothing_at_all_is_a_full_success(intake: Intake, rows):
    assert intake.send("/v1/logs", b"").content == b""
    assert intake.send_json("/v1/logs", {}).json() == {}


@line
def c6_gzip_deflate_zstd_and_several_members(intake: Intake, rows):
    for encoding, pack in (
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("deflate", zlib.compress),
        ("zstd", zstandard.compress),
        ("identity", bytes),
    ):
        span = m.span()
        body = pack(m.traces(span).SerializeToString())
        assert intake.send("/v1/traces", body, content_encoding=encoding).status_code == 200
        assert stored(rows, span) == 1
        if encoding in {"gzip", "zstd"}:
            spoilt = intake.send("/v1/traces", body + b"garbage", content_encoding=encoding)
            assert spoilt.status_code == 400


@line
def c7_an_unknown_or_wrong_encoding_is_400(intake: Intake, rows):
    for encoding in ("br", "gzip", "zstd", "deflate"):
        answer = intake.send("/v1/traces", b"not packed", content_encoding=encoding)
        assert (answer.status_code, Status.FromString(answer.content).code) == (400, 3)


@line
def c8_another_content_type_is_415_in_json(intake: Intake, rows):
    answer = intake.send("/v1/traces", b"x", content_type="text/plain")
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/json")
    assert answer.json()["message"]


@line
def c9_other_methods_are_405_and_preflight_is_for_known_origins(intake: Intake, rows):
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = intake.client.request(method, "/v1/traces")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    asking = {"origin": ORIGIN, "access-control-request-method": "POST"}
    assert intake.client.options("/v1/traces", headers=asking).status_code == 204
    asking["origin"] = "https://elsewhere.example"
    assert intake.client.options("/v1/traces", headers=asking).status_code == 405


@line
def c10_what_cannot_be_decoded_is_400_with_bad_request(intake: Intake, rows):
    for body in (b"\x0a\xff", b"\x08\x01\x0a", m.traces(m.span()).SerializeToString()[:-3]):
        answer = intake.send("/v1/traces", body)
        assert answer.status_code == 400
        assert Status.FromString(answer.content).details[0].type_url.endswith("BadRequest")
    assert intake.send_json("/v1/traces", b"[").json()["code"] == 3


@line
def c11_too_large_on_the_wire_or_unpacked_is_413(intake: Intake, rows):
    assert intake.send("/v1/traces", bytes(LIMIT_BYTES + 1)).status_code == 413
    for encoding, pack in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        bomb = pack(bytes(16 * LIMIT_BYTES))
        assert intake.send("/v1/traces", bomb, content_encoding=encoding).status_code == 413


@line
def c12_invalid_items_are_counted_metrics_by_data_point(intake: Intake, rows):
    good = m.span()
    found = partial(intake.send("/v1/traces", m.traces(m.span(trace_id=b"short"), good)))
    assert (found.rejected_spans, stored(rows, good)) == (1, 1)
    points = [m.point(time_unix_nano=0), m.point(time_unix_nano=0), m.point()]
    answer = intake.send("/v1/metrics", m.metrics(m.gauge(*points, name="c12")))
    counted = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert counted.rejected_data_points == 2


@line
def c13_a_cut_is_a_warning(intake: Intake, rows):
    span = m.span(attributes=m.attributes(text="x" * 9000))
    found = partial(intake.send("/v1/traces", m.traces(span)))
    assert (found.rejected_spans, "cut" in found.error_message) == (0, True)


@line
def c14_all_invalid_is_200_with_all_rejected(intake: Intake, rows):
    bad = [m.span(span_id=bytes(8)) for _ in range(3)]
    assert partial(intake.send("/v1/traces", m.traces(*bad))).rejected_spans == 3


@line
def c15_over_the_quota_is_429_with_retry_after(intake: Intake, rows):
    _, key = apikeys.create("much", ["ingest"])
    body = b'{"pad":"' + b"x" * (LIMIT_BYTES - 100) + b'"}'
    headers = {"authorization": f"Bearer {key}", "content_type": "application/json"}
    for _ in range(QUOTA_BYTES // len(body) + 1):
        assert intake.send("/v1/logs", body, **headers).status_code == 200
    answer = intake.send("/v1/logs", b"{}", **headers)
    assert (answer.status_code, answer.json()["code"]) == (429, 8)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert intake.send("/v1/logs").status_code == 200, "other keys have quotas of their own"


@line
def c16_a_store_that_is_away_is_503_with_retry_after(intake: Intake, rows):
    with store_away():
        answer = intake.send("/v1/traces", m.traces(m.span()))
    assert (answer.status_code, Status.FromString(answer.content).code) == (503, 14)
    assert int(answer.headers["retry-after"]) >= 1
    again = [intake.send("/v1/traces", m.traces(m.span())).status_code]
    while again[-1] == 503 and len(again) < 50:
        time.sleep(0.2)
        again.append(intake.send("/v1/traces", m.traces(m.span())).status_code)
    assert again[-1] == 200


@line
def c17_no_key_is_401_and_one_without_the_scope_403(intake: Intake, rows):
    answer = httpx.post(f"{intake.server.url}/v1/logs", content=b"")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    _, reader = apikeys.create("reader", ["read"])
    assert intake.send("/v1/logs", authorization=f"Bearer {reader}").status_code == 403


@line
def c18_every_refusal_carries_a_status_in_the_encoding_asked_in(intake: Intake, rows):
    assert Status.FromString(intake.send("/v1/logs", b"\xff").content).message
    assert intake.send_json("/v1/logs", b"{").json()["message"]
    assert intake.send("/v1/logs", b"", content_type="a/b").json()["message"]


@line
def c19_the_answer_is_small_whatever_was_wrong(intake: Intake, rows):
    spans = [m.span(trace_id=bytes(n % 15), name="n" * 2000) for n in range(1500)]
    answer = intake.send("/v1/traces", m.traces(*spans))
    assert partial(answer).rejected_spans == 1500
    assert len(answer.content) < 4 * 1024 * 1024
    assert len(answer.content) < 4096


@line
def c20_an_answer_is_never_packed_unasked(intake: Intake, rows):
    for wanted in ("identity", "gzip"):
        answer = intake.send("/v1/traces", b"\xff", accept_encoding=wanted)
        assert "content-encoding" not in answer.headers


@line
def c21_chunks_expect_continue_and_http_2(intake: Intake, rows):
    spans = [m.span() for _ in range(3)]
    bodies = [m.traces(span).SerializeToString() for span in spans]
    headers = {"content-type": PROTOBUF}
    pieces = iter([bodies[0][:7], bodies[0][7:]])
    assert intake.client.post("/v1/traces", content=pieces, headers=headers).status_code == 200
    key = intake.client.headers["authorization"]
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.post(
            f"{intake.server.url}/v1/traces",
            content=bodies[1], headers={**headers, "authorization": key},
        )  # fmt: skip
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\nauthorization: {key}"
        f"\r\ncontent-length: {len(bodies[2])}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", intake.server.port), timeout=10) as sender:
        sender.sendall(head.encode())
        assert sender.recv(1024).startswith(b"HTTP/1.1 100")
        sender.sendall(bodies[2])
        assert sender.recv(1024).startswith(b"HTTP/1.1 200")
    assert stored(rows, *spans) == 3


@line
def c22_hostile_values_neither_fail_nor_harm_their_neighbours(intake: Intake, rows):
    deep = AnyValue(string_value="core")
    for _ in range(32):
        deep = AnyValue(array_value=ArrayValue(values=[deep]))
    odd = m.span(
        name="nul\0",
        attributes=[
            KeyValue(key="deep", value=deep),
            *m.attributes(nan=math.nan, inf=-math.inf, raw=b"\xff\0", text="a\0b"),
            *m.attributes(text="twice"),
        ],
        end_time_unix_nano=1,
    )
    plain = m.span()
    unknown = m.traces(odd, plain).SerializeToString() + b"\xfa\x3f\x03new"
    assert partial(intake.send("/v1/traces", unknown)).rejected_spans == 0
    assert stored(rows, odd, plain) == 2
    far = [m.span(start_time_unix_nano=t) for t in (0, 2**63 - 1, 2**64 - 1)]
    near = m.span()
    assert partial(intake.send("/v1/traces", m.traces(near, *far))).rejected_spans == 3
    assert stored(rows, near) == 1
    surrogate = (
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\\ud800"}}]}]}]}'
    )
    assert intake.send_json("/v1/logs", surrogate).status_code in {200, 400}
    nested = b'{"resourceLogs":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    assert intake.send_json("/v1/logs", nested).status_code == 400
    huge = m.metrics(
        pb.Metric(
            name="c22",
            histogram=pb.Histogram(
                aggregation_temporality=2,
                data_points=[pb.HistogramDataPoint(time_unix_nano=1, count=2**64 - 1)],
            ),
        )
    )
    assert intake.send("/v1/metrics", huge).status_code == 200


@line
def c23_the_same_bytes_twice_are_stored_once(intake: Intake, rows):
    span = m.span()
    body = m.traces(span).SerializeToString()
    for stamp in (1, 2):
        packed = gzip.compress(body, mtime=stamp)
        assert intake.send("/v1/traces", packed, content_encoding="gzip").status_code == 200
    assert stored(rows, span) == 1


@line
def c24_every_kind_and_temporality_with_exemplars_and_odd_scales(intake: Intake, rows):
    now = m.point().time_unix_nano
    exemplar = pb.Exemplar(time_unix_nano=now, as_double=0.5, trace_id=b"t" * 16, span_id=b"s" * 8)
    times = {"time_unix_nano": now, "start_time_unix_nano": now - 10**9}
    of = [m.gauge(m.point(1.0, exemplars=[exemplar], flags=0), name="c24.gauge")]
    of.append(m.gauge(m.point(1.0, flags=1), name="c24.unknown"))
    for temporality in (1, 2):
        of.append(
            pb.Metric(
                name=f"c24.sum{temporality}",
                sum=pb.Sum(
                    aggregation_temporality=temporality, is_monotonic=True,
                    data_points=[m.point(2.0, exemplars=[exemplar], **times)],
                ),
            )
        )  # fmt: skip
        buckets = pb.HistogramDataPoint(
            count=3, sum=1.5, explicit_bounds=[1.0], bucket_counts=[2, 1], exemplars=[exemplar],
            **times,
        )  # fmt: skip
        of.append(
            pb.Metric(
                name=f"c24.hist{temporality}",
                histogram=pb.Histogram(aggregation_temporality=temporality, data_points=[buckets]),
            )
        )
        points = [
            pb.ExponentialHistogramDataPoint(
                count=2, sum=2.0, scale=scale, zero_threshold=0.001,
                positive={"offset": -3, "bucket_counts": [1, 1]},
                attributes=m.attributes(scale=scale), **times,
            )
            for scale in (-10, 0, 20)
        ]  # fmt: skip
        of.append(
            pb.Metric(
                name=f"c24.exp{temporality}",
                exponential_histogram=pb.ExponentialHistogram(
                    aggregation_temporality=temporality, data_points=points
                ),
            )
        )
    summary = pb.SummaryDataPoint(
        count=4, sum=8.0, quantile_values=[{"quantile": 0.5, "value": 2.0}], **times
    )
    of.append(pb.Metric(name="c24.summary", summary=pb.Summary(data_points=[summary])))
    answer = intake.send("/v1/metrics", m.metrics(*of))
    assert (answer.status_code, answer.content) == (200, b"")
    kept = {
        (row["name"], row["n"], row["exemplars"])
        for row in rows(
            "SELECT m.name, count(*) AS n, count(p.exemplars) AS exemplars FROM tm_metric m"
            " JOIN tm_series e ON e.metric_id = m.id JOIN (SELECT series_id, exemplars FROM"
            " tm_sample UNION ALL SELECT series_id, exemplars FROM tm_hist) p"
            " ON p.series_id = e.id WHERE m.name LIKE 'c24.%%' GROUP BY m.name", none=None,
        )
    }  # fmt: skip
    assert kept == {
        ("c24.gauge", 1, 1), ("c24.unknown", 1, 0), ("c24.sum1", 1, 1), ("c24.sum2", 1, 1),
        ("c24.hist1", 1, 1), ("c24.hist2", 1, 1), ("c24.exp1", 3, 0), ("c24.exp2", 3, 0),
        ("c24.summary", 1, 0), ("c24.summary.count", 1, 0), ("c24.summary.sum", 1, 0),
    }  # fmt: skip


def test_the_table_is_whole():
    assert list(LINES) == [f"C{number}" for number in range(1, 25)]


@pytest.mark.parametrize("number", [f"C{number}" for number in range(1, 25)])
def test_a_line_of_the_table_holds(number, intake, rows):
    LINES[number](intake, rows)
