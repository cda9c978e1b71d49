"""Addresses of the alert API."""

from django.urls import include, path

from apps.alerts.api import charts, oncall_urls, ruleviews, silence_urls, slack
from apps.alerts.api.history import HistoryView
from apps.alerts.api.views import AlertsView, ThresholdView
from apps.alerts.api.why import WhyView

urlpatterns = [
    path("", include("apps.alerts.api.incident_urls")),
    path("", include("apps.alerts.api.foreign_urls")),
    path("admin/alerts/rule", ruleviews.RulesView.as_view(), name="rules"),
    path("admin/alerts/rule/preview", ruleviews.RulePreviewView.as_view(), name="rule-preview"),
    path("admin/alerts/rule/<int:pk>", ruleviews.RuleView.as_view(), name="rule"),
    path("admin/alerts/rule/<int:pk>/test", ruleviews.RuleTestView.as_view(), name="rule-test"),
    path(
        "admin/alerts/rule/<int:pk>/versions",
        ruleviews.RuleVersionsView.as_view(),
        name="rule-versions",
    ),
    path(
        "admin/alerts/rule/<int:pk>/restore",
        ruleviews.RuleRestoreView.as_view(),
        name="rule-restore",
    ),
    path("admin/alerts/history", HistoryView.as_view(), name="alert-history"),
    path("admin/monitoring/alerts", AlertsView.as_view(), name="alerts"),
    *silence_urls.urlpatterns,
    path("admin/alerts/episodes/<uuid:episode>/why", WhyView.as_view(), name="why"),
    path("admin/monitoring/threshold", ThresholdView.as_view(), name="threshold"),
    path("", include("apps.alerts.api.phone_urls")),
    path("alerts/chart/<str:word>.png", charts.png, name="alert-chart"),
    path("alerts/slack/actions", slack.actions, name="slack-actions"),
    *oncall_urls.urlpatterns,
]
