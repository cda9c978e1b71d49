"""Addresses of the monitoring API."""

from django.urls import path

from apps.monitoring.api.history import ComponentHistoryView
from apps.monitoring.api.log_analytics import LogAnalyticsView
from apps.monitoring.api.log_exports import (
    ExportFileView,
    ExportsView,
    ExportView,
    OneExportView,
)
from apps.monitoring.api.log_views import LogLineView, LogSearchView
from apps.monitoring.api.retention_views import RetentionDaysView, RetentionView
from apps.monitoring.api.trace_views import TraceListView, TraceView
from apps.monitoring.api.views import ComponentsView, MetricNamesView, MetricsView

urlpatterns = [
    path("admin/monitoring/metrics", MetricsView.as_view(), name="metric-series"),
    path("admin/monitoring/metrics/names", MetricNamesView.as_view(), name="metric-names"),
    path("admin/monitoring/retention", RetentionView.as_view(), name="retention-state"),
    path("admin/monitoring/retention/days", RetentionDaysView.as_view(), name="retention-days"),
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
    path("admin/performance/traces", TraceListView.as_view(), name="trace-list"),
    path("admin/performance/traces/<str:trace_id>", TraceView.as_view(), name="trace-detail"),
]
