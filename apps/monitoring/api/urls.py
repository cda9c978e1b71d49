"""Addresses of the monitoring API."""

from django.urls import path

from apps.monitoring.api.bottleneck_views import BottleneckListView, BottleneckView
from apps.monitoring.api.deployment_views import DeploymentsView
from apps.monitoring.api.history import ComponentHistoryView
from apps.monitoring.api.log_views import LogLineView, LogSearchView
from apps.monitoring.api.performance_views import OperationView, OverTimeView, RankingView
from apps.monitoring.api.trace_views import TraceListView, TraceView
from apps.monitoring.api.views import ComponentsView, MetricNamesView, MetricsView

urlpatterns = [
    path("admin/monitoring/metrics", MetricsView.as_view(), name="metric-series"),
    path("admin/monitoring/metrics/names", MetricNamesView.as_view(), name="metric-names"),
    path("admin/monitoring/components", ComponentsView.as_view(), name="components"),
    # A component's key may hold slashes: services and probes have names of their own.
    path(
        "admin/monitoring/components/<path:key>/history",
        ComponentHistoryView.as_view(),
        name="component-history",
    ),
    path("admin/logs/search", LogSearchView.as_view(), name="log-search"),
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
    path("admin/performance/traces/<str:trace_id>", TraceView.as_view(), name="trace-detail"),
]
