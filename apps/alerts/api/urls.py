"""Addresses of the alert API."""

from django.urls import include, path

from apps.alerts.api.views import AlertsView, ThresholdView

urlpatterns = [
    path("", include("apps.alerts.api.incident_urls")),
    path("", include("apps.alerts.api.foreign_urls")),
    path("admin/monitoring/alerts", AlertsView.as_view(), name="alerts"),
    path("admin/monitoring/threshold", ThresholdView.as_view(), name="threshold"),
    path("", include("apps.alerts.api.phone_urls")),
]
