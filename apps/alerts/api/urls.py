"""Addresses of the alert API."""

from django.urls import path

from apps.alerts.api import oncall_urls
from apps.alerts.api.views import AlertsView, ThresholdView

urlpatterns = [
    path("admin/monitoring/alerts", AlertsView.as_view(), name="alerts"),
    path("admin/monitoring/threshold", ThresholdView.as_view(), name="threshold"),
    *oncall_urls.urlpatterns,
]
