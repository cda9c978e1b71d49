"""What a sender out of bounds meets: bombs, floods of label sets, quotas, half-read requests."""

import http.client
from pathlib import Path

import cramjam
import psutil
import pytest
import zstandard
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from apps.monitoring.intake import quota as quotas
from apps.monitoring.intake.quota import WINDOW_S, Quota
from apps.monitoring.intake.reply import RefusalError
from apps.monitoring.queries import series as reads
from apps.monitoring.queries.series import SeriesQuery
from apps.monitoring.store.resolve import SETS_PER_METRIC
from tests.conftest import free_port
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.conftest import LIMIT_BYTES, ORIGIN, QUOTA_BYTES, Intake
from tests.monitoring.store.test_series import at, chart, values

REQUESTS = 5
DELTA, CUMULATIVE = 1, 2
VALUES = (
    "SELECT s.value, e.attrs ? 'otel.metric.overflow' AS over, s.series_id FROM tm_sample s"
    " JOIN tm_series e ON e.id = s.series_id JOIN tm_metric m ON m.id = e.metric_id"
    " WHERE m.name = %(name)s ORDER BY s.ts"
)


def counter(name: str, temporality: int, *points: pb.NumberDataPoint) -> pb.Metric:
    of = pb.Sum(aggregation_temporality=temporality, is_monotonic=True, data_points=points)
    return pb.Metric(name=name, sum=of)


def peaks(intake: Intake, *, anew: bool) -> dict[int, int]:
    """Bytes of memory each process of the server held at most, since the last `anew`."""
    web = psutil.Process(intake.server.process.pid)
    found = {}
    for process in (web, *web.children(recursive=True)):
        if anew:
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        held = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        found[process.pid] = held * 1024
    return found


def test_a_zstd_bomb_is_413_and_does_not_fill_the_memory(intake: Intake):
    packer = zstandard.ZstdCompressor().compressobj()
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    intake.send("/v1/traces", m.typical_spans(10))
    before = peaks(intake, anew=True)
    answer = intake.send("/v1/traces", bomb, content_encoding="zstd")
    assert answer.status_code == 413
    after = peaks(intake, anew=False)
    assert all(after[pid] - held <= LIMIT_BYTES + (48 << 20) for pid, held in before.items())


def test_a_flood_of_label_sets_is_counted_whole_and_harms_no_neighbour(intake: Intake, rows):
    before = peaks(intake, anew=True)
    for request in range(REQUESTS):
        points = [
            m.point(1.0, {"user": f"{request}-{n}"}, start_time_unix_nano=1)
            for n in range(SETS_PER_METRIC)
        ]
        answer = intake.send(
            "/v1/metrics", m.metrics(counter("flood", DELTA, *points), m.gauge(m.point(request)))
        )
        assert answer.status_code == 200
        assert (b"otel.metric.overflow" in answer.content) == (request > 0)
    found = rows(VALUES, name="flood")
    assert sum(row["value"] for row in found) == REQUESTS * SETS_PER_METRIC
    assert sum(row["value"] for row in found if row["over"]) == (REQUESTS - 1) * SETS_PER_METRIC
    assert len({row["series_id"] for row in found}) == SETS_PER_METRIC + 1
    assert [row["value"] for row in rows(VALUES, name="queue.length")] == [*range(REQUESTS)]
    after = peaks(intake, anew=False)
    assert all(after[pid] - held <= 96 << 20 for pid, held in before.items())


def test_cumulative_sums_in_overflow_add_up_at_each_export(intake: Intake, rows):
    for value in (1.0, 3.0):
        now = m.point().time_unix_nano
        points = [
            m.point(value, {"n": n}, time_unix_nano=now, start_time_unix_nano=now - 10**9)
            for n in range(SETS_PER_METRIC + 500)
        ]
        message = m.metrics(counter("totals", CUMULATIVE, *points))
        assert intake.send("/v1/metrics", message).status_code == 200
    found = rows(VALUES, name="totals")
    assert [row["value"] for row in found if row["over"]] == [500.0, 1500.0]
    assert sum(row["value"] for row in found) == 4.0 * (SETS_PER_METRIC + 500)


def test_a_reset_over_http_is_no_negative_increase(intake: Intake):
    reads.forget()
    old, new = at(3600), at(33)
    exports = [(70, 100.0, old), (55, 110.0, old), (45, 130.0, old), (25, 7.0, new), (15, 9.0, new)]
    for ago_s, value, start in exports:
        point = m.point(value, time_unix_nano=at(ago_s), start_time_unix_nano=start)
        answer = intake.send("/v1/metrics", m.metrics(counter("bytes", CUMULATIVE, point)))
        assert (answer.status_code, answer.content) == (200, b"")
    (result,) = chart(SeriesQuery("bytes", "increase"))
    assert values(result) == [10.0, 20.0, None, 7.0, 2.0, None]


def test_without_redis_a_process_counts_for_itself(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(quotas.time, "monotonic", lambda: now[0])
    quota = Quota(items=10, size_bytes=0, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    quota.admit("a")
    quota.charge("a", 6, 100)
    now[0] += 30
    quota.admit("a")
    quota.charge("a", 6, 100)
    with pytest.raises(RefusalError) as refusal:
        quota.admit("a")
    assert refusal.value.status == 429
    assert refusal.value.retry_after_s == WINDOW_S - 30
    quota.admit("b")
    now[0] += WINDOW_S - 30
    quota.admit("a")


def test_remote_write_shares_the_quota_of_its_key(intake: Intake):
    pad = b'{"pad":"' + b"x" * (LIMIT_BYTES - 100) + b'"}'
    packed = bytes(cramjam.snappy.compress_raw(b""))
    fields = {"content_encoding": "snappy", "content_type": "application/x-protobuf"}
    assert intake.send("/api/v1/write", packed, **fields).status_code == 204
    for _ in range(QUOTA_BYTES // len(pad) + 1):
        assert intake.send_json("/v1/logs", pad).status_code == 200
    answer = intake.send("/api/v1/write", packed, **fields)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_a_refusal_before_the_body_was_read_ends_the_connection(intake: Intake, ingest_key):
    cases = [
        ({"authorization": "Bearer wrong"}, 401),
        ({"content-type": "text/plain"}, 415),
        ({"content-length": str(LIMIT_BYTES + 1)}, 413),
    ]
    sound = {"authorization": f"Bearer {ingest_key}", "content-type": "application/x-protobuf"}
    for headers, status in cases:
        connection = http.client.HTTPConnection("127.0.0.1", intake.server.port, timeout=20)
        connection.putrequest("POST", "/v1/traces")
        for name, value in {"content-length": "100000", **sound, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(b"x")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("connection")) == (status, "close")
        connection.close()
    read_whole = intake.send("/v1/traces", b"\xff")
    assert read_whole.status_code == 400
    assert "close" not in read_whole.headers.get("connection", "")


def test_a_page_of_an_allowed_origin_may_read_the_answer(intake: Intake):
    answers = [
        intake.send("/v1/logs", origin=origin).headers["cross-origin-resource-policy"]
        for origin in (ORIGIN, "https://evil.example")
    ]
    assert answers == ["cross-origin", "same-origin"]
