"""Read models of the telemetry identities, and what operators keep about sources."""

from apps.monitoring.models.collector import CollectorState
from apps.monitoring.models.keep import LegalHold, LogArchive, SamplingPolicy
from apps.monitoring.models.logexport import LogExport
from apps.monitoring.models.probe import Probe
from apps.monitoring.models.telemetry import LogRecord, Metric, Resource, Series, Span

__all__ = [
    "CollectorState",
    "LegalHold",
    "LogArchive",
    "LogExport",
    "LogRecord",
    "Metric",
    "Probe",
    "Resource",
    "SamplingPolicy",
    "Series",
    "Span",
]
