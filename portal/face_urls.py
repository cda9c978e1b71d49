"""The pages of the face that are not the admin's own; mounted before the admin."""

from django.urls import URLPattern, path

from portal import about, intake
from portal.evidence import pages as evidence
from portal.evidence import trace_page
from portal.overview import pages as overview

urlpatterns: list[URLPattern] = [
    path("admin/overview/data", overview.OverviewData.as_view(), name="overview-data"),
    path("admin/traces/", evidence.trace_list, name="traces"),
    path("admin/traces/<str:trace_id>/", trace_page.trace, name="trace"),
    path("admin/logs/", evidence.log_list, name="logs"),
    path("admin/intake/", intake.page, name="intake"),
    path("admin/intake/data", intake.IntakeBoard.as_view(), name="intake-data"),
    path("admin/about/", about.about, name="about"),
]
