"""Start the two services under the stock OpenTelemetry SDK, configured by its own variables."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 180.0


class LaunchError(Exception):
    """Ends the demo with one sentence."""


@dataclass(frozen=True)
class Service:
    """One web process of the example."""

    name: str
    settings: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def services() -> tuple[Service, Service]:
    """The shop and the inventory behind it. SHOP_PORT and SHOP_INVENTORY_PORT move them."""
    return (
        Service("shop", "examples.shop.settings", int(os.environ.get("SHOP_PORT", "8020"))),
        Service(
            "inventory",
            "examples.shop.inventory_settings",
            int(os.environ.get("SHOP_INVENTORY_PORT", "8021")),
        ),
    )


def telemetry(name: str, portal_url: str, key: str) -> dict[str, str]:
    """The OpenTelemetry variables of one service; nothing in its code names the portal."""
    return {
        "OTEL_SERVICE_NAME": name,
        "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=examples,deployment.environment.name=demo",
        "OTEL_EXPORTER_OTLP_ENDPOINT": portal_url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={quote(f'Bearer {key}')}",
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
            "base2_exponential_bucket_histogram"
        ),
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_BSP_SCHEDULE_DELAY": "2000",
        "OTEL_BLRP_SCHEDULE_DELAY": "2000",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
        "OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "health",
    }


def check_port(port: int, variable: str) -> None:
    """Raise LaunchError when the port is taken; `variable` moves it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LaunchError(f"Port {port} is taken; choose another with {variable}.") from None


def start(service: Service, portal_url: str, key: str, log_dir: Path) -> "subprocess.Popen[bytes]":
    """Start one service with a log of its own. Raises LaunchError when its port is taken."""
    check_port(service.port, "SHOP_PORT" if service.name == "shop" else "SHOP_INVENTORY_PORT")
    log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv = [
        str(Path(sys.executable).parent / "opentelemetry-instrument"),
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(service.port), "--workers", "1", "--blocking-threads", "4",
        "--log-level", "warning", "--workers-kill-timeout", "5", "examples.shop.wsgi:application",
    ]  # fmt: skip
    with (log_dir / f"{service.name}.log").open("wb") as log:
        return subprocess.Popen(
            argv, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            # Ctrl-C belongs to the demo, which stops traffic first.
            start_new_session=True,
            env={
                **os.environ,
                **telemetry(service.name, portal_url, key),
                "DJANGO_SETTINGS_MODULE": service.settings,
                "SHOP_INVENTORY_URL": services()[1].url,
                "PYTHONPATH": str(PROJECT),
            },
        )  # fmt: skip


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes] | None", what: str) -> None:
    """Return once `url`/health answers 200. Raises LaunchError when it ends or takes too long."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise LaunchError(f"{what} ended at once with exit code {process.returncode}.")
        if is_healthy(url):
            return
        time.sleep(0.2)
    raise LaunchError(f"{what} did not answer within {STARTS_WITHIN_S:.0f} s.")


def is_healthy(url: str) -> bool:
    """Whether `url`/health answers 200 now."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        pass
    return False


def stop(process: "subprocess.Popen[bytes]", within_s: float = 15.0) -> None:
    """Ask a process to end, so that its SDK sends what it still holds; kill it when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
