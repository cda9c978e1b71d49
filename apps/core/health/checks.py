"""The dependencies every installation has."""

import dataclasses
import datetime
import uuid

from celery import current_app
from django.conf import settings
from django.core.cache import caches
from health_check.base import HealthCheck
from health_check.checks import Database
from health_check.contrib.celery import Ping
from health_check.contrib.psutil import Disk
from health_check.exceptions import ServiceUnavailable

from apps.core.health.watch import Watch


@dataclasses.dataclass
class Cache(HealthCheck):  # type: ignore[misc]
    """Write and read back a value: with Redis away Django's cache answers misses, not errors."""

    alias: str = "default"

    def run(self) -> None:  # type: ignore[override,unused-ignore]
        """Raises ServiceUnavailable when the value does not come back."""
        cache = caches[self.alias]
        value = uuid.uuid4().hex
        key = f"health:{value}"
        cache.set(key, value, timeout=5)
        if cache.get(key) != value:
            raise ServiceUnavailable("A value written to the cache did not come back.")


@dataclasses.dataclass
class Broker(HealthCheck):  # type: ignore[misc]
    """Connect to the broker as a task's publisher does."""

    connect_timeout_s: int = 3

    def run(self) -> None:  # type: ignore[override,unused-ignore]
        """Raises ServiceUnavailable when no connection can be made."""
        with current_app.connection_for_write() as connection:
            try:
                connection.ensure_connection(max_retries=1, timeout=self.connect_timeout_s)
            except connection.recoverable_connection_errors as error:
                raise ServiceUnavailable("The broker does not answer.") from error


def builtin() -> list[Watch]:
    """PostgreSQL and the disk below it, the cache, the broker and its workers."""
    ping = Ping(timeout=datetime.timedelta(seconds=2), limit=1)
    return [
        Watch("postgresql", Database(), critical=True, timeout_s=5, interval_s=10),
        Watch("cache", Cache(), critical=False, timeout_s=2, interval_s=10),
        Watch("broker", Broker(), critical=False, timeout_s=5, interval_s=10),
        Watch("celery", ping, critical=False, timeout_s=10, interval_s=30),
        Watch("disk", Disk(settings.PHAROS_HOME), critical=False, timeout_s=2, interval_s=30),
    ]
