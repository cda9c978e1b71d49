"""The pages of the face that are not the admin's own; mounted before the admin."""

from django.urls import URLPattern, path

from portal import about, retention
from portal.evidence import log_analytics, log_exports, trace_page
from portal.evidence import pages as evidence
from portal.overview import pages as overview

urlpatterns: list[URLPattern] = [
    path("admin/overview/data", overview.OverviewData.as_view(), name="overview-data"),
    path("admin/traces/", evidence.trace_list, name="traces"),
    path("admin/traces/<str:trace_id>/", trace_page.trace, name="trace"),
    path("admin/logs/", evidence.log_list, name="logs"),
    path("admin/retention/", retention.page, name="retention"),
    path("admin/log-analytics/", log_analytics.page, name="log-analytics-page"),
    path("admin/log-analytics/data", log_analytics.LogBoard.as_view(), name="log-board"),
    path("admin/log-exports/", log_exports.page, name="log-exports-page"),
    path("admin/about/", about.about, name="about"),
]
