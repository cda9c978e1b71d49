"""Where other systems' alerts come in."""

from django.urls import path

from apps.alerts.api import foreign_views as views

urlpatterns = [
    path("alerts/in/<slug:key>", views.WebhookView.as_view(), name="foreign-alerts"),
    path("api/v2/alerts", views.AlertsV2View.as_view(), name="alertmanager-alerts"),
    path("api/v2/silences", views.SilencesView.as_view(), name="alertmanager-silences"),
    path("api/v2/silence/<uuid:key>", views.SilenceView.as_view(), name="alertmanager-silence"),
    path("api/v2/status", views.StatusView.as_view(), name="alertmanager-status"),
    path("-/ready", views.ready, name="alertmanager-ready"),
    path("-/healthy", views.ready, name="alertmanager-healthy"),
]
