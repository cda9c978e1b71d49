"""Celery tasks of monitoring; each calls one verb."""

from apps.monitoring.tasks.collect import collect
from apps.monitoring.tasks.metrics import measure_costs, pin_exemplars
from apps.monitoring.tasks.partitions import maintain_partitions
from apps.monitoring.tasks.rollups import roll_up

__all__ = ["collect", "maintain_partitions", "measure_costs", "pin_exemplars", "roll_up"]
