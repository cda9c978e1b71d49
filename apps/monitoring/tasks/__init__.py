"""Celery tasks of monitoring; each calls one verb."""

from apps.monitoring.tasks.bottlenecks import (
    find_bottlenecks,
    prune_bottlenecks,
    watch_deployments,
)
from apps.monitoring.tasks.collect import collect
from apps.monitoring.tasks.deployments import observe_deployments
from apps.monitoring.tasks.forward import send_minutes
from apps.monitoring.tasks.keeping import keep
from apps.monitoring.tasks.logexports import expire_log_exports, work_on_log_exports
from apps.monitoring.tasks.logroll import prune_log_templates, roll_up_logs
from apps.monitoring.tasks.metrics import measure_costs, pin_exemplars
from apps.monitoring.tasks.partitions import maintain_partitions
from apps.monitoring.tasks.regressions import watch_regressions
from apps.monitoring.tasks.rollups import roll_up
from apps.monitoring.tasks.sealing import seal_partitions

__all__ = [
    "collect",
    "expire_log_exports",
    "find_bottlenecks",
    "keep",
    "maintain_partitions",
    "measure_costs",
    "observe_deployments",
    "pin_exemplars",
    "prune_bottlenecks",
    "prune_log_templates",
    "roll_up",
    "roll_up_logs",
    "seal_partitions",
    "send_minutes",
    "watch_deployments",
    "watch_regressions",
    "work_on_log_exports",
]
