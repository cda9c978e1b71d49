"""Addresses of the monitoring API."""

from django.urls import path

from apps.monitoring.api.bottleneck_views import BottleneckListView, BottleneckView
from apps.monitoring.api.cost_views import CostsView, DropsView, DropView
from apps.monitoring.api.deployment_views import DeploymentsView
from apps.monitoring.api.history import ComponentHistoryView
from apps.monitoring.api.log_analytics import LogAnalyticsView
from apps.monitoring.api.log_exports import (
    ExportFileView,
    ExportsView,
    ExportView,
    OneExportView,
)
from apps.monitoring.api.log_views import LogLineView, LogSearchView
from apps.monitoring.api.metric_views import LabelValuesView, MetricLabelsView
from apps.monitoring.api.objective_views import ObjectivesView
from apps.monitoring.api.performance_views import OperationView, OverTimeView, RankingView
from apps.monitoring.api.retention_views import RetentionDaysView, RetentionView
from apps.monitoring.api.trace_pages import ComparisonView, ServiceMapView, WaitingView
from apps.monitoring.api.trace_views import SpanView, TraceListView, TraceShapeView, TraceView
from apps.monitoring.api.views import ComponentsView, MetricNamesView, MetricsView

urlpatterns = [
    path("admin/monitoring/metrics", MetricsView.as_view(), name="metric-series"),
    path("admin/monitoring/metrics/names", MetricNamesView.as_view(), name="metric-names"),
    path("admin/monitoring/retention", RetentionView.as_view(), name="retention-state"),
    path("admin/monitoring/retention/days", RetentionDaysView.as_view(), name="retention-days"),
    path("admin/monitoring/metrics/labels", MetricLabelsView.as_view(), name="metric-labels"),
    path("admin/monitoring/metrics/values", LabelValuesView.as_view(), name="label-values"),
    path("admin/monitoring/metrics/costs", CostsView.as_view(), name="metric-costs"),
    path("admin/monitoring/metrics/drops", DropsView.as_view(), name="metric-drops"),
    path("admin/monitoring/metrics/drops/<path:name>", DropView.as_view(), name="metric-drop"),
    path("admin/monitoring/objectives", ObjectivesView.as_view(), name="objectives-judged"),
    path("admin/monitoring/components", ComponentsView.as_view(), name="components"),
    # A component's key may hold slashes: services and probes have names of their own.
    path(
        "admin/monitoring/components/<path:key>/history",
        ComponentHistoryView.as_view(),
        name="component-history",
    ),
    path("admin/logs/search", LogSearchView.as_view(), name="log-search"),
    path("admin/logs/analytics", LogAnalyticsView.as_view(), name="log-analytics"),
    path("admin/logs/export", ExportView.as_view(), name="log-export-new"),
    path("admin/logs/exports", ExportsView.as_view(), name="log-exports"),
    path("admin/logs/exports/<uuid:export_id>", OneExportView.as_view(), name="log-export"),
    path(
        "admin/logs/exports/<uuid:export_id>/file", ExportFileView.as_view(), name="log-export-file"
    ),
    path("admin/logs/lines/<str:line_id>", LogLineView.as_view(), name="log-line"),
    path("admin/performance/metrics", RankingView.as_view(), name="performance-metrics"),
    path(
        "admin/performance/metrics/operation", OperationView.as_view(), name="performance-operation"
    ),
    path(
        "admin/performance/metrics/over-time", OverTimeView.as_view(), name="performance-over-time"
    ),
    path("admin/performance/deployments", DeploymentsView.as_view(), name="deployments"),
    path("admin/performance/bottlenecks", BottleneckListView.as_view(), name="bottleneck-list"),
    path(
        "admin/performance/bottlenecks/<str:fingerprint>",
        BottleneckView.as_view(),
        name="bottleneck-detail",
    ),
    path("admin/performance/traces", TraceListView.as_view(), name="trace-list"),
    path("admin/performance/traces/compare", ComparisonView.as_view(), name="trace-comparison"),
    path("admin/performance/critical-path", WaitingView.as_view(), name="critical-path-data"),
    path("admin/performance/service-map", ServiceMapView.as_view(), name="service-map-data"),
    path("admin/performance/traces/<str:trace_id>", TraceView.as_view(), name="trace-detail"),
    path(
        "admin/performance/traces/<str:trace_id>/shape",
        TraceShapeView.as_view(),
        name="trace-shape",
    ),
    path(
        "admin/performance/traces/<str:trace_id>/spans/<str:span_id>",
        SpanView.as_view(),
        name="trace-span",
    ),
]
