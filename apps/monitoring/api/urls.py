"""Addresses of the monitoring API."""

from django.urls import path

from apps.monitoring.api.cost_views import CostsView, DropsView, DropView
from apps.monitoring.api.history import ComponentHistoryView
from apps.monitoring.api.log_views import LogLineView, LogSearchView
from apps.monitoring.api.metric_views import LabelValuesView, MetricLabelsView
from apps.monitoring.api.objective_views import ObjectivesView
from apps.monitoring.api.trace_views import TraceListView, TraceView
from apps.monitoring.api.views import ComponentsView, MetricNamesView, MetricsView

urlpatterns = [
    path("admin/monitoring/metrics", MetricsView.as_view(), name="metric-series"),
    path("admin/monitoring/metrics/names", MetricNamesView.as_view(), name="metric-names"),
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
    path("admin/logs/lines/<str:line_id>", LogLineView.as_view(), name="log-line"),
    path("admin/performance/traces", TraceListView.as_view(), name="trace-list"),
    path("admin/performance/traces/<str:trace_id>", TraceView.as_view(), name="trace-detail"),
]
