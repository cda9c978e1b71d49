"""Collectors: host, processes, PostgreSQL, Redis, Celery's queues, HTTP probes,
Prometheus targets and cloud accounts.

Each module defines the kinds it reads; importing it registers them.
"""

from apps.monitoring.collectors import (
    celery,
    cloud,
    host,
    httpcheck,
    postgresql,
    process,
    redis,
    scrape,
)
from apps.monitoring.collectors.base import COLLECTORS, Collector

__all__ = [
    "COLLECTORS", "Collector", "celery", "cloud", "configured", "host", "httpcheck", "postgresql",
    "process", "redis", "scrape",
]  # fmt: skip


def configured() -> list[Collector]:
    """Every collector that should run now, from this process."""
    return [collector for kind in COLLECTORS.values() for collector in kind.configured()]
