"""Read models of the telemetry identities, and what operators keep about sources."""

from apps.monitoring.models.bottleneck import (
    Bottleneck,
    ExaminedMinute,
    RouteMinute,
    Sighting,
)
from apps.monitoring.models.browserkey import BrowserKey
from apps.monitoring.models.cloud import CloudAccount, CloudFigure
from apps.monitoring.models.collector import CollectorState
from apps.monitoring.models.cost import DropRule, MetricCost
from apps.monitoring.models.deployment import Deployment
from apps.monitoring.models.destination import Destination
from apps.monitoring.models.keep import LegalHold, LogArchive, SamplingPolicy
from apps.monitoring.models.logexport import LogExport
from apps.monitoring.models.objective import Objective
from apps.monitoring.models.probe import Probe
from apps.monitoring.models.scrape import ScrapeTarget
from apps.monitoring.models.telemetry import LogRecord, Metric, Resource, Series, Span

__all__ = [
    "Bottleneck",
    "BrowserKey",
    "CloudAccount",
    "CloudFigure",
    "CollectorState",
    "Deployment",
    "Destination",
    "DropRule",
    "ExaminedMinute",
    "LegalHold",
    "LogArchive",
    "LogExport",
    "LogRecord",
    "Metric",
    "MetricCost",
    "Objective",
    "Probe",
    "Resource",
    "RouteMinute",
    "SamplingPolicy",
    "ScrapeTarget",
    "Series",
    "Sighting",
    "Span",
]
