"""Read models of the telemetry identities, and what operators keep about sources."""

from apps.monitoring.models.telemetry import Metric, Resource, Series

__all__ = ["Metric", "Resource", "Series"]
