"""Celery tasks of monitoring; each calls one verb."""

from apps.monitoring.tasks.collect import collect
from apps.monitoring.tasks.keeping import keep
from apps.monitoring.tasks.logexports import expire_log_exports, work_on_log_exports
from apps.monitoring.tasks.logroll import prune_log_templates, roll_up_logs
from apps.monitoring.tasks.partitions import maintain_partitions
from apps.monitoring.tasks.rollups import roll_up
from apps.monitoring.tasks.sealing import seal_partitions

__all__ = [
    "collect",
    "expire_log_exports",
    "keep",
    "maintain_partitions",
    "prune_log_templates",
    "roll_up",
    "roll_up_logs",
    "seal_partitions",
    "work_on_log_exports",
]
