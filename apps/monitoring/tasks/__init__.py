"""Celery tasks of monitoring; each calls one verb."""

from apps.monitoring.tasks.bottlenecks import (
    find_bottlenecks,
    prune_bottlenecks,
    watch_deployments,
)
from apps.monitoring.tasks.collect import collect
from apps.monitoring.tasks.deployments import observe_deployments
from apps.monitoring.tasks.partitions import maintain_partitions
from apps.monitoring.tasks.regressions import watch_regressions
from apps.monitoring.tasks.rollups import roll_up

__all__ = [
    "collect",
    "find_bottlenecks",
    "maintain_partitions",
    "observe_deployments",
    "prune_bottlenecks",
    "roll_up",
    "watch_deployments",
    "watch_regressions",
]
