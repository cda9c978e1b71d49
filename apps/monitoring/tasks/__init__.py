"""Celery tasks of monitoring; each calls one verb."""

from apps.monitoring.tasks.partitions import maintain_partitions

__all__ = ["maintain_partitions"]
