"""Addresses of silences and acknowledgements."""

from django.urls import path

from apps.alerts import ackpage
from apps.alerts.api.silence_views import (
    AcknowledgementView,
    SilencePreviewView,
    SilencesView,
    SilenceView,
)

urlpatterns = [
    path("alerts/ack/<str:signed>", ackpage.page, name="acknowledge"),
    path("admin/alerts/silences", SilencesView.as_view(), name="silences"),
    path("admin/alerts/silences/preview", SilencePreviewView.as_view(), name="silence-preview"),
    path("admin/alerts/silences/<uuid:silence_id>", SilenceView.as_view(), name="silence"),
    path(
        "admin/alerts/episodes/<uuid:episode_id>/acknowledgement",
        AcknowledgementView.as_view(),
        name="acknowledgement",
    ),
]
