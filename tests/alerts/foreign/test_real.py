"""Debian's Prometheus and Alertmanager as they are, in front of us and behind."""

import json
import shutil
import socket
import subprocess
import time

import pytest

from apps.alerts.models import Episode, Silence
from apps.core.services import apikeys
from tests.conftest import free_port, wait_until
from tests.servers import die_with_parent

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not all(map(shutil.which, ("prometheus", "prometheus-alertmanager", "amtool"))),
        reason="On Debian: apt install prometheus prometheus-alertmanager",
    ),
]
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
alerting:
  alertmanagers:
    - authorization: {{credentials: "{key}"}}
      static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
RULES = """
groups:
  - name: pharos
    rules:
      - alert: AlwaysDown
        expr: vector(1)
        labels: {severity: page, service: shop}
        annotations: {summary: "It is down"}
"""
ALERTMANAGER = """
route: {{receiver: pharos, group_wait: 0s, group_interval: 1s, group_by: [alertname]}}
receivers:
  - name: pharos
    webhook_configs:
      - url: http://127.0.0.1:{port}/alerts/in/alertmanager
        http_config: {{authorization: {{credentials: "{key}"}}}}
"""


@pytest.fixture
def run(tmp_path):
    """Starts a program that listens on a port; ended with the test."""
    started = []

    def start(port, *argv):
        log = tmp_path / f"{argv[0]}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, preexec_fn=die_with_parent)
        started.append(process)
        wait_until(
            lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True, process, log
        )
        return process, log

    yield start
    for process in started:
        process.kill()
        process.wait()


def awaited(read, running, seconds=60):
    """What `read` gives once it is true."""
    process, log = running
    deadline = time.monotonic() + seconds
    while not (found := read()):
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)
    return found


def test_a_rule_of_prometheus_fires_here_and_ends_here(portal_server, run, tmp_path):
    _, key = apikeys.create("prometheus", ["alerts"])
    rules, config, port = tmp_path / "rules.yml", tmp_path / "prometheus.yml", free_port()
    rules.write_text(RULES)
    config.write_text(PROMETHEUS.format(rules=rules, key=key, port=portal_server.port))
    running = run(
        port, "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle", "--log.level=warn",
        "--rules.alert.resend-delay=1s",
    )  # fmt: skip
    one = awaited(Episode.objects.filter(state="firing").first, running)
    assert (one.rule_name, one.severity, one.source) == ("AlwaysDown", "critical", "prometheus")
    assert (one.labels["service"], one.summary) == ("shop", "It is down")
    assert "/graph?" in one.external_url
    rules.write_text(RULES.replace("vector(1)", "vector(1) > 2"))
    running[0].send_signal(1)  # SIGHUP: read the rules again
    awaited(Episode.objects.filter(state="resolved").first, running)
    assert Episode.objects.count() == 1


def test_alertmanager_tells_us_and_amtool_silences_us(portal_server, run, tmp_path):
    _, key = apikeys.create("alertmanager", ["alerts", "operate", "read"])
    config, port = tmp_path / "alertmanager.yml", free_port()
    config.write_text(ALERTMANAGER.format(port=portal_server.port, key=key))
    running = run(
        port, "prometheus-alertmanager", f"--config.file={config}",
        f"--storage.path={tmp_path / 'am'}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=warn",
    )  # fmt: skip

    def amtool(at, *words):
        client = tmp_path / "client.yml"
        client.write_text(f'authorization: {{credentials: "{key}"}}\n')
        argv = ["amtool", f"--alertmanager.url=http://127.0.0.1:{at}", *words]
        if at == portal_server.port:
            argv.insert(1, f"--http.config.file={client}")
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    amtool(port, "alert", "add", "DiskFull", "severity=critical", "host=db1")
    one = awaited(Episode.objects.filter(state="firing").first, running)
    assert (one.rule_name, one.source, one.labels["host"]) == ("DiskFull", "alertmanager", "db1")

    ours = portal_server.port
    key_of_silence = amtool(
        ours, "silence", "add", "alertname=DiskFull", "--comment=moving", "--author=ann",
        "--duration=1h",
    ).strip()  # fmt: skip
    assert str(Silence.objects.get().pk) == key_of_silence
    listed = json.loads(amtool(ours, "alert", "query", "-o", "json", "--silenced"))
    assert listed[0]["status"]["silencedBy"] == [key_of_silence]
    assert key_of_silence in amtool(ours, "silence", "query")
    amtool(ours, "silence", "expire", key_of_silence)
    assert json.loads(amtool(ours, "silence", "query", "-o", "json")) == []
    amtool(ours, "alert", "add", "FromAmtool", "severity=warning")
    assert Episode.objects.get(rule_name="FromAmtool").source == "prometheus"

    amtool(
        port,
        "alert",
        "add",
        "DiskFull",
        "severity=critical",
        "host=db1",
        "--end=2020-01-01T00:00:00Z",
        "--start=2019-01-01T00:00:00Z",
    )
    awaited(Episode.objects.filter(state="resolved", rule_name="DiskFull").first, running)
