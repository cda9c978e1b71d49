"""Addresses of the alert API."""

from django.urls import path

from apps.alerts.api import charts, silence_urls, slack
from apps.alerts.api.views import AlertsView, ThresholdView

urlpatterns = [
    path("admin/monitoring/alerts", AlertsView.as_view(), name="alerts"),
    *silence_urls.urlpatterns,
    path("admin/monitoring/threshold", ThresholdView.as_view(), name="threshold"),
    path("alerts/chart/<str:word>.png", charts.png, name="alert-chart"),
    path("alerts/slack/actions", slack.actions, name="slack-actions"),
]
