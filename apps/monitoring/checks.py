"""System checks: operational truths about the telemetry store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError

from apps.monitoring.store import partitions


@register(Tags.database)
def partitions_are_ahead(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 (Django's signature)
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Warn when a partition for today or tomorrow is absent: its rows would be refused."""
    if not databases:
        return []
    try:
        missing = partitions.missing(datetime.now(UTC))
    except DatabaseError:
        # Django reports an unreachable database itself.
        return []
    names = [table.name(start) for table, starts in missing.items() for start in starts]
    if not names:
        return []
    return [
        checks.Warning(
            f"Partitions of the telemetry store are missing: {', '.join(sorted(names))}.",
            hint="Start the Celery worker and beat, or run `manage.py migrate`, which makes them.",
            id="monitoring.W001",
        )
    ]


def make_partitions(**kwargs: Any) -> None:  # noqa: ARG001 (a signal's signature)
    """After `migrate`: the partitions that are due."""
    partitions.ensure()
