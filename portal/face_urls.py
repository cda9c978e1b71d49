"""The pages of the face that are not the admin's own; mounted before the admin."""

from django.urls import URLPattern, path

from portal import about
from portal.evidence import pages as evidence
from portal.evidence import trace_page
from portal.metrics import cost, data, explorer, objectives
from portal.overview import pages as overview

urlpatterns: list[URLPattern] = [
    path("admin/overview/data", overview.OverviewData.as_view(), name="overview-data"),
    path("admin/traces/", evidence.trace_list, name="traces"),
    path("admin/traces/<str:trace_id>/", trace_page.trace, name="trace"),
    path("admin/logs/", evidence.log_list, name="logs"),
    path("admin/metrics/", explorer.page, name="metrics"),
    path("admin/metrics/data", data.ExplorerData.as_view(), name="metrics-data"),
    path("admin/metrics/cost/", cost.page, name="metric-cost"),
    path("admin/metrics/cost/change", cost.change, name="metric-change"),
    path("admin/objectives/", objectives.page, name="objectives"),
    path("admin/about/", about.about, name="about"),
]
