"""Read models of the telemetry identities, and what operators keep about sources."""

from apps.monitoring.models.bottleneck import (
    Bottleneck,
    ExaminedMinute,
    RouteMinute,
    Sighting,
)
from apps.monitoring.models.collector import CollectorState
from apps.monitoring.models.deployment import Deployment
from apps.monitoring.models.probe import Probe
from apps.monitoring.models.telemetry import LogRecord, Metric, Resource, Series, Span

__all__ = [
    "Bottleneck",
    "CollectorState",
    "Deployment",
    "ExaminedMinute",
    "LogRecord",
    "Metric",
    "Probe",
    "Resource",
    "RouteMinute",
    "Series",
    "Sighting",
    "Span",
]
