"""Read models of the telemetry identities, and what operators keep about sources."""

from apps.monitoring.models.browserkey import BrowserKey
from apps.monitoring.models.cloud import CloudAccount, CloudFigure
from apps.monitoring.models.collector import CollectorState
from apps.monitoring.models.probe import Probe
from apps.monitoring.models.scrape import ScrapeTarget
from apps.monitoring.models.telemetry import LogRecord, Metric, Resource, Series, Span

__all__ = [
    "BrowserKey", "CloudAccount", "CloudFigure", "CollectorState", "LogRecord", "Metric", "Probe",
    "Resource", "ScrapeTarget", "Series", "Span",
]  # fmt: skip
