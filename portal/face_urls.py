"""The pages of the face that are not the admin's own; mounted before the admin."""

from django.urls import URLPattern, path

from portal import about
from portal.bottlenecks import pages as bottlenecks
from portal.bottlenecks.board import BottleneckBoard
from portal.evidence import pages as evidence
from portal.evidence import trace_page
from portal.overview import pages as overview
from portal.performance import boards
from portal.performance import pages as performance

urlpatterns: list[URLPattern] = [
    path("admin/overview/data", overview.OverviewData.as_view(), name="overview-data"),
    path("admin/traces/", evidence.trace_list, name="traces"),
    path("admin/traces/<str:trace_id>/", trace_page.trace, name="trace"),
    path("admin/bottlenecks/", bottlenecks.listing, name="bottlenecks"),
    path(
        "admin/bottlenecks/<str:fingerprint>/data",
        BottleneckBoard.as_view(),
        name="bottleneck-data",
    ),
    path("admin/bottlenecks/<str:fingerprint>/", bottlenecks.detail, name="bottleneck"),
    path(
        "admin/bottlenecks/<str:fingerprint>/move/<str:verb>/",
        bottlenecks.move,
        name="bottleneck-move",
    ),
    path("admin/logs/", evidence.log_list, name="logs"),
    path("admin/performance/", performance.performance, name="performance"),
    path("admin/performance/data", boards.PerformanceBoard.as_view(), name="performance-data"),
    path("admin/performance/operation/", performance.operation, name="operation"),
    path(
        "admin/performance/operation/data", boards.OperationBoard.as_view(), name="operation-data"
    ),
    path("admin/about/", about.about, name="about"),
]
