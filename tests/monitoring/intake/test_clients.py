"""Stock clients in other languages as senders: the SDK for Node, and k6, whose exporter is Go's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NODE = Path(__file__).resolve().parents[2] / "node"
K6 = shutil.which("k6", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
# What it counts in its last moments k6 does not export: hence the sleep at the end.
SCRIPT = """
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
const seats = new Counter('seats_sold');
export const options = { iterations: 3, vus: 1 };
export default function () { seats.add(2, { outcome: 'ok' }); }
export function teardown() { sleep(2); }
"""


def total(rows, name: str) -> list[dict]:
    return rows(
        "SELECT r.service, max(s.value) AS value FROM tm_sample s JOIN tm_series e"
        " ON e.id = s.series_id JOIN tm_metric m ON m.id = e.metric_id JOIN tm_resource r"
        " ON r.id = e.resource_id WHERE m.name = %(name)s GROUP BY r.service",
        name=name,
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node here.")
@pytest.mark.skipif(
    not (NODE / "node_modules").exists(), reason="deploy/test-packages has not run npm ci."
)
def test_the_sdk_for_node_delivers_all_three_signals(intake, ingest_key, rows):
    done = subprocess.run(
        ["node", "send.mjs", intake.server.url, ingest_key], cwd=NODE, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sent = json.loads(done.stdout)
    found = rows(
        "SELECT s.trace_id::text AS id, n.value AS name, s.attrs->>'seats' AS seats FROM tm_span s"
        " JOIN tm_name n ON n.id = s.name_id WHERE s.trace_id = ANY(%(ids)s::uuid[])",
        ids=list(sent.values()),
    )
    assert {(row["id"].replace("-", ""), row["name"], row["seats"]) for row in found} == {
        (trace_id, f"node {encoding}", "3") for encoding, trace_id in sent.items()
    }
    assert rows("SELECT severity FROM tm_log WHERE body = 'from node'") == [{"severity": 17}]
    assert total(rows, "node.count") == [{"service": "node-sender", "value": 4.0}]


@pytest.mark.skipif(K6 is None, reason="The wheel k6 is not installed.")
def test_k6_delivers_its_metrics(intake, ingest_key, rows, tmp_path):
    (tmp_path / "seats.js").write_text(SCRIPT)
    done = subprocess.run(
        [str(K6), "run", "--quiet", "--out", "experimental-opentelemetry", "seats.js"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={
            **os.environ, "K6_OTEL_EXPORTER_TYPE": "http", "K6_OTEL_SERVICE_NAME": "k6-sender",
            "K6_OTEL_HTTP_EXPORTER_ENDPOINT": intake.server.url.removeprefix("http://"),
            "K6_OTEL_HTTP_EXPORTER_INSECURE": "true", "K6_OTEL_FLUSH_INTERVAL": "500ms",
            "K6_OTEL_EXPORT_INTERVAL": "500ms", "K6_NO_USAGE_REPORT": "true",
            "K6_OTEL_HEADERS": f"authorization=Bearer {ingest_key}",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert total(rows, "seats_sold") == [{"service": "k6-sender", "value": 6.0}]
