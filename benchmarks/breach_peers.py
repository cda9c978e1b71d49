"""Debian's Prometheus with its Alertmanager beside Pharos: one pair at the settings the packages
come with, one as fast as it goes.

Both scrape an exporter of this process. A breach is visible to a pair once a scrape has fetched the
bad value: what it loses before that is told apart, as the time from the change itself.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from benchmarks import harness

# What /etc/prometheus has after `apt install prometheus prometheus-alertmanager`.
DEFAULT = {"scrape": "15s", "evaluate": "15s", "wait": "30s", "interval": "5m"}
FASTEST = {"scrape": "100ms", "evaluate": "100ms", "wait": "0s", "interval": "1s"}
_PROMETHEUS = """
global: {{scrape_interval: {scrape}, scrape_timeout: {scrape}, evaluation_interval: {evaluate}}}
rule_files: ["{rules}"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - {{job_name: bench, metrics_path: /{arm}, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""
_RULES = """
groups:
  - name: bench
    rules: [{alert: Breach, expr: bench > 0.9, labels: {severity: critical}}]
"""
_ALERTMANAGER = """
route:
  receiver: page
  group_by: [alertname, cluster, service]
  group_wait: {wait}
  group_interval: {interval}
receivers: [{{name: page, webhook_configs: [{{url: "{url}"}}]}}]
"""


@dataclass
class Exporter:
    """What each arm's Prometheus reads: one series a breach, named by its label `service`."""

    count: int
    port: int = 0
    bad: dict[str, set[int]] = field(default_factory=dict)
    # By arm: when a scrape first fetched each bad value, in seconds of the monotonic clock.
    fetched: dict[str, dict[int, float]] = field(default_factory=dict)
    scrapes: dict[str, int] = field(default_factory=dict)

    def turn(self, arm: str, number: int) -> None:
        """This series breaches from now on."""
        self.bad.setdefault(arm, set()).add(number)

    def page(self, arm: str) -> bytes:
        """The series of an arm in text format."""
        bad = set(self.bad.get(arm, ()))
        now = time.monotonic()
        for number in bad:
            self.fetched.setdefault(arm, {}).setdefault(number, now)
        self.scrapes[arm] = self.scrapes.get(arm, 0) + 1
        lines = (f'bench{{service="{n}"}} {1 if n in bad else 0.1}' for n in range(self.count))
        return ("\n".join(["# TYPE bench gauge", *lines]) + "\n").encode()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer scrapes within the block."""
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = exporter.page(self.path.strip("/"))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Silent."""

        server = harness.QuietServer(Handler)
        self.port = server.server_port
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@contextlib.contextmanager
def pair(arm: str, exporter: Exporter, url: str, root: Path) -> Iterator[None]:
    """One Prometheus and one Alertmanager that pages `url`; the block starts with the first
    scrape done."""
    speed = {"default": DEFAULT, "fastest": FASTEST}[arm]
    home = root / f"peer-{arm}"
    home.mkdir()
    alertmanager, prometheus = harness.free_port(), harness.free_port()
    (home / "rules.yml").write_text(_RULES)
    (home / "alertmanager.yml").write_text(_ALERTMANAGER.format(url=url, **speed))
    (home / "prometheus.yml").write_text(
        _PROMETHEUS.format(
            rules=home / "rules.yml", alertmanager=alertmanager, port=exporter.port, arm=arm,
            **speed,
        )
    )  # fmt: skip
    with (
        harness.process(
            [
                "prometheus-alertmanager", f"--config.file={home / 'alertmanager.yml'}",
                f"--storage.path={home / 'am'}", "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
            ],
            harness.listening(alertmanager),
        ),
        harness.process(
            [
                "prometheus", f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            ],
            _scraped(exporter, arm),
        ),
    ):  # fmt: skip
        yield


def _scraped(exporter: Exporter, arm: str) -> Callable[[], bool]:
    return lambda: exporter.scrapes.get(arm, 0) > 0


def breaches_of(told: bytes) -> list[int]:
    """The series that a message of Alertmanager says are firing."""
    alerts = json.loads(told)["alerts"]
    return [int(one["labels"]["service"]) for one in alerts if one["status"] == "firing"]
