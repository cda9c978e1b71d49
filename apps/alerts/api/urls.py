"""Addresses of the alert API."""

from django.urls import path

from apps.alerts.api import silence_urls
from apps.alerts.api.views import AlertsView, ThresholdView

urlpatterns = [
    path("admin/monitoring/alerts", AlertsView.as_view(), name="alerts"),
    *silence_urls.urlpatterns,
    path("admin/monitoring/threshold", ThresholdView.as_view(), name="threshold"),
]
