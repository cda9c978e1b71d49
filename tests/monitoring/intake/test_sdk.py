"""The stock OpenTelemetry SDK as the sender, and a store that goes away."""

import logging
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.monitoring.intake import messages as m

RESOURCE = Resource.create({"service.name": "sdk-sender"})


@contextmanager
def store_away():
    """The test database takes no connections, and those it had are cut."""
    name, host = connection.settings_dict["NAME"], connection.settings_dict["OPTIONS"].get("host")
    connection.close()
    admin = psycopg.connect(
        host=host or connection.settings_dict["HOST"],
        user="postgres",
        dbname="postgres",
        autocommit=True,
    )
    with admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def exporter(kind, intake, ingest_key, path):
    return kind(
        endpoint=f"{intake.server.url}{path}",
        headers={"authorization": f"Bearer {ingest_key}"},
        compression=Compression.Gzip,
        # How long the SDK tries in all: its 10 s are for a machine that does nothing else.
        timeout=60,
    )


def send_span(intake, ingest_key) -> str:
    """One span through the SDK; returns its trace id once the SDK has let go of it."""
    provider = TracerProvider(resource=RESOURCE)
    sender = exporter(OTLPSpanExporter, intake, ingest_key, "/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(sender))
    with provider.get_tracer("sdk").start_as_current_span("sdk span") as span:
        pass
    provider.shutdown()
    return f"{span.get_span_context().trace_id:032x}"


def test_the_sdk_delivers_all_three_signals(intake, ingest_key, rows):
    trace_id = send_span(intake, ingest_key)
    assert rows("SELECT kind FROM tm_span WHERE trace_id = %(id)s", id=trace_id) == [{"kind": 1}]

    provider = LoggerProvider(resource=RESOURCE)
    sender = exporter(OTLPLogExporter, intake, ingest_key, "/v1/logs")
    provider.add_log_record_processor(BatchLogRecordProcessor(sender))
    logger = logging.getLogger("sdk.test")
    handler = LoggingHandler(logger_provider=provider)
    logger.addHandler(handler)
    logger.warning("from the sdk", extra={"seats": 3})
    logger.removeHandler(handler)
    provider.shutdown()
    found = rows("SELECT severity, attrs->>'seats' AS seats FROM tm_log WHERE body='from the sdk'")
    assert found == [{"severity": 13, "seats": "3"}]

    reader = PeriodicExportingMetricReader(
        exporter(OTLPMetricExporter, intake, ingest_key, "/v1/metrics")
    )
    meters = MeterProvider([reader], resource=RESOURCE)
    meters.get_meter("sdk").create_counter("sdk.count").add(4, {"outcome": "ok"})
    meters.get_meter("sdk").create_histogram("sdk.latency", unit="s").record(0.25)
    meters.shutdown()
    sample = rows(
        "SELECT s.value FROM tm_sample s JOIN tm_series e ON e.id = s.series_id"
        " JOIN tm_metric m ON m.id = e.metric_id WHERE m.name = 'sdk.count'"
    )
    assert [row["value"] for row in sample] == [4.0]
    histogram = rows(
        "SELECT h.n FROM tm_hist h JOIN tm_series e ON e.id = h.series_id"
        " JOIN tm_metric m ON m.id = e.metric_id WHERE m.name = 'sdk.latency'"
    )
    assert [row["n"] for row in histogram] == [1]


def test_a_store_that_is_away_is_503_with_retry_after(intake):
    with store_away():
        answer = intake.send("/v1/traces", m.traces(m.span()))
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/x-protobuf"


def test_the_sdk_retries_until_the_store_is_back_and_it_is_stored_once(intake, ingest_key, rows):
    sent = {}
    with store_away():
        assert intake.send("/v1/traces", m.traces(m.span())).status_code == 503
        sending = threading.Thread(target=lambda: sent.update(id=send_span(intake, ingest_key)))
        sending.start()
        time.sleep(0.5)  # the first attempt must meet the closed store
        assert sending.is_alive()
    sending.join(90)
    found = rows("SELECT count(*) AS n FROM tm_span WHERE trace_id = %(id)s", id=sent["id"])
    assert found == [{"n": 1}]


@pytest.mark.slow
def test_a_commit_that_takes_too_long_is_503_and_the_retry_is_stored_once(intake, rows):
    span = m.span()
    body = m.traces(span).SerializeToString()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE tm_span IN ACCESS EXCLUSIVE MODE")
        answer = intake.send("/v1/traces", body)
        assert answer.status_code == 503
        cursor.execute("ROLLBACK")
    answer = intake.send("/v1/traces", body)
    while answer.status_code == 503:
        time.sleep(float(answer.headers["retry-after"]))
        answer = intake.send("/v1/traces", body)
    assert answer.status_code == 200
    found = rows(
        "SELECT count(*) AS n FROM tm_span WHERE trace_id = %(id)s", id=span.trace_id.hex()
    )
    assert found == [{"n": 1}]
