"""Addresses of the monitoring API."""

from django.urls import path

from apps.monitoring.api.views import ComponentsView, MetricNamesView, MetricsView

urlpatterns = [
    path("admin/monitoring/metrics", MetricsView.as_view(), name="metric-series"),
    path("admin/monitoring/metrics/names", MetricNamesView.as_view(), name="metric-names"),
    path("admin/monitoring/components", ComponentsView.as_view(), name="components"),
]
