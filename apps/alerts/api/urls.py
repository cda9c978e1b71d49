"""Addresses of the alert API."""

from django.urls import path

from apps.alerts.api.views import AlertsView, ThresholdView
from apps.alerts.api.why import WhyView

urlpatterns = [
    path("admin/monitoring/alerts", AlertsView.as_view(), name="alerts"),
    path("admin/alerts/episodes/<uuid:episode>/why", WhyView.as_view(), name="why"),
    path("admin/monitoring/threshold", ThresholdView.as_view(), name="threshold"),
]
