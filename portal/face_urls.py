"""The pages of the face that are not the admin's own; mounted before the admin."""

from django.urls import URLPattern, path

from portal import about
from portal.evidence import pages as evidence
from portal.evidence import trace_page, trace_pages
from portal.overview import pages as overview

urlpatterns: list[URLPattern] = [
    path("admin/overview/data", overview.OverviewData.as_view(), name="overview-data"),
    path("admin/traces/", evidence.trace_list, name="traces"),
    path("admin/traces/compare/", trace_pages.comparison, name="compare-traces"),
    path("admin/critical-paths/", trace_pages.critical_path, name="critical-path"),
    path("admin/service-map/", trace_pages.service_map, name="service-map"),
    path("admin/traces/<str:trace_id>/pin/", trace_page.pin, name="pin-trace"),
    path("admin/traces/<str:trace_id>/", trace_page.trace, name="trace"),
    path("admin/logs/", evidence.log_list, name="logs"),
    path("admin/about/", about.about, name="about"),
]
