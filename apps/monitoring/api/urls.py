"""Addresses of the monitoring API."""

from django.urls import path

from apps.monitoring.api.log_views import LogLineView, LogSearchView
from apps.monitoring.api.trace_views import TraceListView, TraceView
from apps.monitoring.api.views import ComponentsView, MetricNamesView, MetricsView

urlpatterns = [
    path("admin/monitoring/metrics", MetricsView.as_view(), name="metric-series"),
    path("admin/monitoring/metrics/names", MetricNamesView.as_view(), name="metric-names"),
    path("admin/monitoring/components", ComponentsView.as_view(), name="components"),
    path("admin/logs/search", LogSearchView.as_view(), name="log-search"),
    path("admin/logs/lines/<str:line_id>", LogLineView.as_view(), name="log-line"),
    path("admin/performance/traces", TraceListView.as_view(), name="trace-list"),
    path("admin/performance/traces/<str:trace_id>", TraceView.as_view(), name="trace-detail"),
]
