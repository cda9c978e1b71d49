"""Debian's Prometheus as it is: checks our figures, scrapes them, and writes them back to us."""

import shutil
import socket
import subprocess
import time
from urllib.parse import quote

import httpx
import pytest
from django.db import connection

from apps.core.services import apikeys
from apps.monitoring.collectors.scrape import Scrape
from tests.conftest import free_port, start_web, wait_until
from tests.servers import die_with_parent

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("promtool") is None,
        reason="Prometheus is not installed; on Debian: apt install prometheus",
    ),
]
LOGIN = "/admin/login/"
CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: portal
    authorization: {{credentials: "{read}"}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    authorization: {{credentials: "{ingest}"}}
    send_exemplars: true
    queue_config: {{batch_send_deadline: 200ms, max_shards: 3}}
"""


@pytest.fixture(scope="module")
def portal(portal_process, tmp_path_factory):
    """A web server whose figures are nobody else's."""
    files = tmp_path_factory.mktemp("figures")
    return start_web(portal_process, PROMETHEUS_MULTIPROC_DIR=str(files))


@pytest.fixture
def prometheus(portal, tmp_path):
    """The address of a Prometheus that scrapes the portal and writes to it."""
    config, log, port = tmp_path / "prometheus.yml", tmp_path / "log", free_port()
    read, ingest = (apikeys.create(scope, [scope])[1] for scope in ("read", "ingest"))
    config.write_text(CONFIG.format(port=portal.port, read=read, ingest=ingest))
    argv = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, preexec_fn=die_with_parent)
    wait_until(lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True,
               process, log)  # fmt: skip
    yield f"http://127.0.0.1:{port}", log
    process.terminate()
    process.wait(20)


def ours():
    """(value, milliseconds) of the count of requests for the login page, as we store it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value, (extract(epoch FROM ts) * 1000)::int8 FROM tm_sample"
            " JOIN tm_series s ON s.id = series_id JOIN tm_metric m ON m.id = s.metric_id"
            " JOIN tm_resource r ON r.id = s.resource_id"
            " WHERE m.name = 'api_request_duration_seconds_count' AND r.service = 'portal'"
            " AND s.attrs->>'path' = %s ORDER BY ts",
            [LOGIN],
        )
        return cursor.fetchall()


def theirs(address):
    """The same as Prometheus has it."""
    asked = f'api_request_duration_seconds_count{{path="{LOGIN}"}}[5m]'
    answer = httpx.get(f"{address}/api/v1/query?query={quote(asked)}", timeout=10).json()
    found = answer["data"]["result"]
    return [(float(v), round(t * 1000)) for t, v in (found[0]["values"] if found else [])]


def exemplars(address):
    """Those of our requests that Prometheus has."""
    asked = f"query=api_request_duration_seconds_bucket&start={time.time() - 300}&end={time.time()}"
    answer = httpx.get(f"{address}/api/v1/query_exemplars?{asked}", timeout=10).json()
    return [one for series in answer["data"] for one in series["exemplars"]]


def test_prometheus_checks_scrapes_and_writes_back_the_same_figures(portal, prometheus):
    address, log = prometheus
    with httpx.Client(base_url=portal.url, timeout=20) as client:
        for _ in range(7):
            assert client.get(LOGIN).status_code == 200
        deadline = time.monotonic() + 60
        # The recorder ships every few seconds, Prometheus scrapes every second.
        while not any(value == 7.0 for value, _ in ours()) and time.monotonic() < deadline:
            time.sleep(0.2)
        stored, kept = ours(), theirs(address)
        assert stored, log.read_text()[-2000:]
        assert stored[-1][0] == 7.0
        # What was sent is what they have: every value at its millisecond.
        assert set(stored) <= set(kept)
        assert len(set(stored)) == len(stored)

        key = apikeys.create("checker", ["read"])[1]
        text = client.get("/metrics", headers={"authorization": f"Bearer {key}"}).content
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=30
    )
    said = (checked.stdout + checked.stderr).decode()
    assert (checked.returncode, said) == (0, "")

    # Exemplars are put beside the figures a little later, and scraped a little later still.
    while not (found := exemplars(address)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(found[0]["labels"]["trace_id"]) == 32

    # And the other way round: the Go client's own exposition is a target of ours.
    reading = Scrape(target="prometheus", service="prometheus", url=f"{address}/metrics").read()
    assert "refused" not in reading.detail
    named = {row.series.metric.name: row for row in reading.samples}
    assert named["prometheus_build_info"].value == 1
    assert named["prometheus_tsdb_head_samples_appended_total"].series.metric.monotonic
    assert {"prometheus_http_request_duration_seconds", "prometheus_http_response_size_bytes"} <= {
        row.series.metric.name for row in reading.histograms
    }
    # The protobuf format says the same names of the same kinds.
    packed = Scrape(
        target="packed", service="prometheus", url=f"{address}/metrics", native_histograms=True
    ).read()
    assert "refused" not in packed.detail
    kinds = [
        {row.series.metric for row in (*one.samples, *one.histograms)} for one in (reading, packed)
    ]
    assert {m.name for m in kinds[0] ^ kinds[1] if not m.name.endswith("_created")} == set()
