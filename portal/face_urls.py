"""The pages of the face that are not the admin's own; mounted before the admin."""

from django.urls import URLPattern, path

from portal import about, intake, retention
from portal.alerting import board as alert_board
from portal.bottlenecks import pages as bottlenecks
from portal.bottlenecks.board import BottleneckBoard
from portal.evidence import log_analytics, log_exports, trace_page, trace_pages
from portal.evidence import pages as evidence
from portal.incidents import actions as incident_actions
from portal.incidents import pages as incidents
from portal.incidents import status
from portal.metrics import cost, data, explorer, objectives
from portal.oncall import acts as oncall_acts
from portal.oncall import pages as oncall
from portal.overview import pages as overview
from portal.paging import pages as paging
from portal.performance import boards
from portal.performance import pages as performance

urlpatterns: list[URLPattern] = [
    path("admin/overview/data", overview.OverviewData.as_view(), name="overview-data"),
    path("admin/alerts/board/", alert_board.page, name="alert-board"),
    path("admin/alerts/board/<str:verb>/", alert_board.act, name="alert-board-act"),
    path("admin/traces/", evidence.trace_list, name="traces"),
    path("admin/traces/compare/", trace_pages.comparison, name="compare-traces"),
    path("admin/critical-paths/", trace_pages.critical_path, name="critical-path"),
    path("admin/service-map/", trace_pages.service_map, name="service-map"),
    path("admin/traces/<str:trace_id>/pin/", trace_page.pin, name="pin-trace"),
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
    path("admin/alerts/why/<uuid:episode>/", paging.why_page, name="alert-why"),
    path("admin/alerts/routing/", paging.routing_page, name="routing"),
    path("admin/incidents/", incidents.listing, name="incidents"),
    path("admin/incidents/declare/", incident_actions.declare, name="incident-declare"),
    path("admin/incidents/<int:number>/", incidents.detail, name="incident"),
    path("admin/incidents/<int:number>/learned/", incidents.learned, name="incident-learned"),
    path("admin/incidents/<int:number>/learned/file/", incidents.exported, name="incident-file"),
    path("admin/incidents/<int:number>/do/<slug:verb>/", incident_actions.act, name="incident-act"),
    path("status/<slug:slug>/", status.page, name="status-page"),
    path("status/<slug:slug>/feed.atom", status.feed, name="status-feed"),
    path("admin/logs/", evidence.log_list, name="logs"),
    path("admin/retention/", retention.page, name="retention"),
    path("admin/performance/", performance.performance, name="performance"),
    path("admin/performance/data", boards.PerformanceBoard.as_view(), name="performance-data"),
    path("admin/performance/operation/", performance.operation, name="operation"),
    path(
        "admin/performance/operation/data", boards.OperationBoard.as_view(), name="operation-data"
    ),
    path("admin/metrics/", explorer.page, name="metrics"),
    path("admin/metrics/data", data.ExplorerData.as_view(), name="metrics-data"),
    path("admin/metrics/cost/", cost.page, name="metric-cost"),
    path("admin/metrics/cost/change", cost.change, name="metric-change"),
    path("admin/objectives/", objectives.page, name="objectives"),
    path("admin/log-analytics/", log_analytics.page, name="log-analytics-page"),
    path("admin/log-analytics/data", log_analytics.LogBoard.as_view(), name="log-board"),
    path("admin/log-exports/", log_exports.page, name="log-exports-page"),
    path("admin/intake/", intake.page, name="intake"),
    path("admin/intake/data", intake.IntakeBoard.as_view(), name="intake-data"),
    path("admin/on-call/", oncall.calendar, name="on-call"),
    path("admin/on-call/me/", oncall.mine, name="on-call-me"),
    path("admin/on-call/me/page/", oncall_acts.page_me, name="on-call-page-me"),
    path("admin/on-call/me/feed/", oncall_acts.renew_feed, name="on-call-my-feed"),
    path("admin/on-call/<int:schedule>/override/", oncall_acts.override, name="on-call-override"),
    path("admin/on-call/<int:schedule>/swap/", oncall_acts.ask_swap, name="on-call-swap"),
    path("admin/on-call/<int:schedule>/feed/", oncall_acts.renew_feed, name="on-call-feed"),
    path(
        "admin/on-call/override/<int:override>/cancel/", oncall_acts.cancel, name="on-call-cancel"
    ),
    path(
        "admin/on-call/swap/<int:swap>/<str:verb>/",
        oncall_acts.decide_swap,
        name="on-call-decide",
    ),
    path("admin/about/", about.about, name="about"),
]
