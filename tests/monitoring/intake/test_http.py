"""OTLP/HTTP conformance, case by case, through the real web server."""

import gzip
import json
import socket
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from apps.core.services import apikeys
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.conftest import LIMIT_BYTES, ORIGIN, Intake
from tests.monitoring.intake.decoding import as_otlp_json

PATHS = ["/v1/traces", "/v1/logs", "/v1/metrics"]
PROTOBUF = "application/x-protobuf"


def status_of(answer: httpx.Response) -> Status:
    """The google.rpc.Status of a failed answer, in whichever encoding it came."""
    if answer.headers["content-type"] == PROTOBUF:
        return Status.FromString(answer.content)
    document = answer.json()
    return Status(code=document.get("code", 0), message=document["message"])


def span_count(rows, trace_id: bytes) -> int:
    return rows("SELECT count(*) AS n FROM tm_span WHERE trace_id = %(id)s", id=trace_id.hex())[0][
        "n"
    ]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_slash_forms_answer_200_directly(intake: Intake, path, slash):
    answer = intake.send(path + slash)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == PROTOBUF
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "content_type",
    ["application/x-protobuf; charset=x", "Application/X-Protobuf", "application/x-protobuf ;v=1"],
)
def test_protobuf_in_any_case_with_any_parameters(intake: Intake, content_type):
    assert intake.send("/v1/traces", content_type=content_type).status_code == 200


def test_json_is_answered_in_json(intake: Intake, rows):
    span = m.span()
    answer = intake.send_json("/v1/traces", as_otlp_json(m.traces(span)))
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    assert span_count(rows, span.trace_id) == 1


@pytest.mark.parametrize("path", PATHS)
def test_messages_without_items_are_a_full_success(intake: Intake, path):
    assert intake.send_json(path, {}).json() == {}
    empty = {f"resource{path[4:].title()}": [{"resource": {}}]}
    assert intake.send_json(path, empty).json() == {}
    assert intake.send(path, b"", content_encoding="gzip").status_code == 200


def test_spans_logs_and_metrics_are_committed_when_answered(intake: Intake, rows):
    span, record = m.span(name="committed"), m.record("committed line")
    assert intake.send("/v1/traces", m.traces(span, service="kept")).status_code == 200
    assert intake.send("/v1/logs", m.logs(record, service="kept")).status_code == 200
    metric = m.gauge(m.point(7.5), name="kept.metric")
    assert intake.send("/v1/metrics", m.metrics(metric, service="kept")).status_code == 200
    found = rows(
        "SELECT n.value AS name, r.service FROM tm_span s JOIN tm_name n ON n.id = s.name_id"
        " JOIN tm_resource r ON r.id = s.resource_id WHERE s.trace_id = %(id)s",
        id=span.trace_id.hex(),
    )
    assert found == [{"name": "committed", "service": "kept"}]
    assert rows("SELECT count(*) AS n FROM tm_log WHERE body = 'committed line'")[0]["n"] == 1
    value = rows(
        "SELECT s.value FROM tm_sample s JOIN tm_series e ON e.id = s.series_id"
        " JOIN tm_metric m ON m.id = e.metric_id WHERE m.name = 'kept.metric'"
    )
    assert [row["value"] for row in value][-1] == 7.5


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda b: gzip.compress(b[:20]) + gzip.compress(b[20:])),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_every_content_encoding_is_stored(intake: Intake, rows, encoding, pack):
    span = m.span()
    body = pack(m.traces(span).SerializeToString())
    assert intake.send("/v1/traces", body, content_encoding=encoding).status_code == 200
    assert span_count(rows, span.trace_id) == 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"", mtime=0) + b"garbage"),
    ],
)
def test_wrong_content_encodings_are_400_with_a_status(intake: Intake, encoding, body):
    answer = intake.send("/v1/traces", body, content_encoding=encoding)
    assert answer.status_code == 400
    assert status_of(answer).message


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-protobufs"])
def test_other_content_types_are_415_in_json(intake: Intake, content_type):
    answer = intake.send("/v1/traces", b"x", content_type=content_type)
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405_and_say_what_is_allowed(intake: Intake, method):
    answer = intake.client.request(method, "/v1/traces")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_preflight_is_answered_for_an_allowed_origin_only(intake: Intake):
    asking = {"access-control-request-method": "POST"}
    allowed = intake.client.options("/v1/traces", headers={"origin": ORIGIN, **asking})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    other = intake.client.options("/v1/traces", headers={"origin": "https://evil", **asking})
    assert other.status_code == 405
    assert "access-control-allow-origin" not in other.headers
    sent = intake.send("/v1/traces", origin=ORIGIN)
    assert sent.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("path", PATHS)
def test_an_undecodable_protobuf_is_400_with_a_bad_request(intake: Intake, path):
    answer = intake.send(path, b"\x0a\xff\xff")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == PROTOBUF
    status, detail = status_of(answer), BadRequest()
    assert status.code == 3
    assert status.details[0].Unpack(detail)
    assert detail.field_violations[0].description == status.message


def test_undecodable_json_is_400_in_json(intake: Intake):
    answer = intake.send_json("/v1/logs", b"{")
    assert answer.status_code == 400
    assert answer.json()["details"][0]["@type"].endswith("google.rpc.BadRequest")


def test_a_body_over_the_limit_is_413_by_its_declared_length(intake: Intake):
    answer = intake.send("/v1/traces", bytes(LIMIT_BYTES + 1))
    assert answer.status_code == 413
    assert str(LIMIT_BYTES) in status_of(answer).message


def test_a_body_over_the_limit_is_413_when_its_length_is_unknown(intake: Intake):
    def chunks():
        for _ in range(5):
            yield bytes(1024 * 1024)

    headers = {"content-type": PROTOBUF}
    answer = intake.client.post("/v1/traces", content=chunks(), headers=headers)
    assert answer.status_code == 413


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _workers(intake: Intake) -> list[int]:
    process = psutil.Process(intake.server.process.pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


def test_a_zip_bomb_is_413_and_does_not_fill_the_memory(intake: Intake):
    bomb = gzip.compress(bytes(512 * 1024 * 1024), 9)
    intake.send("/v1/traces", m.typical_spans(10))
    before = {}
    for pid in _workers(intake):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before[pid] = _peak_kib(pid)
    answer = intake.send("/v1/traces", bomb, content_encoding="gzip")
    assert answer.status_code == 413
    for pid, peak in before.items():
        assert _peak_kib(pid) - peak <= (LIMIT_BYTES + 32 * 1024 * 1024) // 1024


def test_invalid_items_are_counted_and_the_rest_is_stored(intake: Intake, rows):
    good = m.span()
    body = m.traces(m.span(trace_id=bytes(16)), good, m.span(span_id=b"short"))
    answer = intake.send("/v1/traces", body)
    assert answer.status_code == 200
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 2
    assert "trace id" in partial.error_message
    assert span_count(rows, good.trace_id) == 1


def test_times_outside_the_window_are_rejected_by_the_store(intake: Intake):
    old = m.span(start_time_unix_nano=10**18, end_time_unix_nano=10**18)
    answer = intake.send("/v1/traces", m.traces(old, m.span()))
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)


def test_metrics_count_rejected_data_points(intake: Intake):
    points = [m.point(1, time_unix_nano=0)] * 3 + [m.point(2)]
    answer = intake.send("/v1/metrics", m.metrics(m.gauge(*points, name="partly")))
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_data_points == 3


def test_a_partial_success_in_json_has_its_counter_as_a_string(intake: Intake):
    bad = as_otlp_json(m.traces(m.span(trace_id=bytes(16))))
    partial = intake.send_json("/v1/traces", bad).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert partial["errorMessage"]
    records = json.loads(as_otlp_json(m.logs(m.record(time_unix_nano=2**64 - 1))))
    partial = intake.send_json("/v1/logs", records).json()["partialSuccess"]
    assert partial["rejectedLogRecords"] == "1"


def test_a_cut_value_is_a_warning_without_rejections(intake: Intake):
    span = m.span(attributes=m.attributes(text="x" * 5000))
    answer = intake.send("/v1/traces", m.traces(span))
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 0
    assert "cut" in partial.error_message


@pytest.mark.parametrize("token", [None, "Basic abc", "Bearer", "Bearer wrong", "Bearer a.\xe9"])
def test_no_or_a_wrong_key_is_401(intake: Intake, token):
    headers = {"content-type": PROTOBUF} | (
        {"authorization": token.encode("latin-1")} if token else {}
    )
    answer = httpx.post(f"{intake.server.url}/v1/traces", content=b"", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert status_of(answer).code == 16


def test_a_key_without_the_scope_is_403(intake: Intake):
    _, other = apikeys.create("reader", ["read"])
    answer = intake.send("/v1/traces", authorization=f"Bearer {other}")
    assert answer.status_code == 403
    assert status_of(answer).code == 7


def test_the_same_bytes_twice_are_stored_once(intake: Intake, rows):
    span = m.span()
    body = m.traces(span).SerializeToString()
    for pack in (gzip.compress(body, mtime=1), gzip.compress(body, mtime=2)):
        assert intake.send("/v1/traces", pack, content_encoding="gzip").status_code == 200
    assert span_count(rows, span.trace_id) == 1


def test_hostile_values_neither_fail_nor_harm_their_neighbours(intake: Intake, rows):
    span = m.span(name="nul\0name", attributes=m.attributes(a="x\0y", inf=float("-inf")))
    body = m.traces(span, m.span(), service="nul\0service")
    answer = intake.send("/v1/traces", body)
    assert answer.status_code == 200
    assert span_count(rows, span.trace_id) == 1
    document = (
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a\\u0000b"}}]}]}]}'
    )
    assert intake.send_json("/v1/logs", document).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_random_bytes_are_never_a_server_error(intake: Intake, path):
    @given(st.binary(max_size=200), st.sampled_from([PROTOBUF, "application/json"]))
    @hypothesis_settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def check(body, content_type):
        answer = intake.send(path, body, content_type=content_type)
        assert answer.status_code in {200, 400}

    check()


def test_one_connection_carries_many_requests_and_errors(intake: Intake):
    for _ in range(3):
        assert intake.send("/v1/traces", m.traces(m.span())).status_code == 200
        assert intake.send("/v1/traces", b"\xff").status_code == 400


def test_a_chunked_request_is_taken(intake: Intake, rows):
    span = m.span()
    body = m.traces(span).SerializeToString()
    headers = {"content-type": PROTOBUF}
    content = (bytes([byte]) for byte in body)
    assert intake.client.post("/v1/traces", content=content, headers=headers).status_code == 200
    assert span_count(rows, span.trace_id) == 1


def test_http_2_with_prior_knowledge_is_taken(intake: Intake, ingest_key):
    headers = {"authorization": f"Bearer {ingest_key}", "content-type": PROTOBUF}
    with httpx.Client(http1=False, http2=True, headers=headers) as client:
        answer = client.post(
            f"{intake.server.url}/v1/traces", content=m.traces(m.span()).SerializeToString()
        )
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")


def test_expect_100_continue_is_answered(intake: Intake, ingest_key):
    body = m.traces(m.span()).SerializeToString()
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\n"
        f"authorization: Bearer {ingest_key}\r\ncontent-length: {len(body)}\r\n"
        "expect: 100-continue\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", intake.server.port), timeout=10) as sender:
        sender.sendall(head.encode())
        assert sender.recv(1024).startswith(b"HTTP/1.1 100")
        sender.sendall(body)
        assert sender.recv(1024).startswith(b"HTTP/1.1 200")


def test_an_answer_is_not_compressed_unasked(intake: Intake):
    answer = intake.send("/v1/traces", b"\xff", accept_encoding="identity")
    assert "content-encoding" not in answer.headers


def test_an_unknown_path_below_v1_is_404_with_a_status(intake: Intake):
    answer = intake.client.post("/v1/profiles", content=b"")
    assert answer.status_code == 404
    assert answer.json()["code"] == 5


def test_the_intake_records_its_own_requests_and_items(intake: Intake, rows):
    body = m.traces(m.span(), m.span(trace_id=bytes(16)))
    assert intake.send("/v1/traces", body).status_code == 200
    recorded = """
        SELECT m.name, e.attrs FROM tm_series e JOIN tm_metric m ON m.id = e.metric_id
        JOIN tm_resource r ON r.id = e.resource_id
        WHERE r.service = 'pharos' AND m.name IN ('http.server.request.duration',
                                                  'pharos.intake.items')
    """
    wanted = {
        ("http.server.request.duration", None),
        ("pharos.intake.items", "accepted"),
        ("pharos.intake.items", "rejected"),
    }
    deadline = time.monotonic() + 20
    found: set[tuple] = set()
    while time.monotonic() < deadline and not wanted <= found:
        found = {
            (row["name"], json.loads(row["attrs"]).get("state"))
            for row in rows(recorded)
            if json.loads(row["attrs"]).get("http.route") in {None, "/v1/traces"}
        }
        time.sleep(0.1)
    assert wanted <= found


def test_a_large_body_is_stored_whole_while_the_server_answers_others(intake: Intake, rows):
    spans = [m.span(trace_id=b"large body trace") for _ in range(12_000)]
    body = gzip.compress(m.traces(*spans).SerializeToString(), 1)
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(intake.send, "/v1/traces", body, content_encoding="gzip")
        with httpx.Client(base_url=intake.server.url) as other:
            while not large.done():
                assert other.get("/health").status_code == 200
        assert large.result().status_code == 200
    assert span_count(rows, b"large body trace") == 12_000
