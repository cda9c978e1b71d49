"""Read models of the telemetry identities, and what operators keep about sources."""

from apps.monitoring.models.collector import CollectorState
from apps.monitoring.models.cost import DropRule, MetricCost
from apps.monitoring.models.objective import Objective
from apps.monitoring.models.probe import Probe
from apps.monitoring.models.telemetry import LogRecord, Metric, Resource, Series, Span

__all__ = [
    "CollectorState", "DropRule", "LogRecord", "Metric", "MetricCost", "Objective", "Probe",
    "Resource", "Series", "Span",
]  # fmt: skip
