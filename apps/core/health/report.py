"""What the health endpoints say."""

import os
import platform
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import django
import psutil
from django.conf import settings

from apps.core.health import readiness, registry
from apps.core.health.watch import State, Status

_STARTED: Final = time.monotonic()


def overall(states: Sequence[State]) -> Status:
    """Down with a critical part down; unknown with a critical part unknown; degraded otherwise."""
    critical = {s.status for s in states if s.critical}
    if readiness.is_draining() or "down" in critical:
        return "down"
    if "unknown" in critical:
        return "unknown"
    return "ok" if all(s.status == "ok" for s in states) else "degraded"


def http_status(status: Status) -> int:
    """503 takes this instance out of a load balancer; degraded still serves."""
    return 503 if status == "down" else 200


def summary(states: Sequence[State]) -> dict[str, Any]:
    """All that the unknown may see."""
    return {"status": overall(states)}


def dependencies(states: Sequence[State]) -> dict[str, Any]:
    """Every dependency with its status, latency, last success and the age of that knowledge."""
    return {"status": overall(states), "items": [_item(state) for state in states]}


def detailed(states: Sequence[State]) -> dict[str, Any]:
    """Dependencies, versions, uptime, use of resources, and what apps added."""
    process = psutil.Process()
    cpu = process.cpu_times()
    return {
        **dependencies(states),
        "draining": readiness.is_draining(),
        "versions": {
            "pharos": settings.SPECTACULAR_SETTINGS["VERSION"],
            "python": platform.python_version(),
            "django": django.get_version(),
        },
        "uptime_s": round(time.monotonic() - _STARTED, 1),
        "process": {
            "pid": os.getpid(),
            "memory_bytes": process.memory_info().rss,
            "cpu_s": round(cpu.user + cpu.system, 2),
            "threads": threading.active_count(),
        },
        **registry.facts(),
    }


def _item(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "critical": state.critical,
        "status": state.status,
        "error": state.error,
        "latency_ms": state.latency_ms,
        "last_ok": state.last_ok.isoformat() if state.last_ok else None,
        "age_ms": state.age_ms,
    }
