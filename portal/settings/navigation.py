"""What the sidebar holds, in the order of a search: what is wrong, where, why, what feeds it."""

from typing import Any

from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _


def _link(
    title: Any, icon: str, url_name: str, permission: str = "", **more: Any
) -> dict[str, Any]:
    """One entry of the sidebar; with a permission only those who hold it see it."""
    entry = {"title": title, "icon": icon, "link": reverse_lazy(url_name), **more}
    if permission:
        entry["permission"] = lambda request: request.user.has_perm(permission)
    return entry


def _list(title: Any, icon: str, app: str, model: str, **more: Any) -> dict[str, Any]:
    """The list of one table, for those who may see it."""
    return _link(title, icon, f"admin:{app}_{model}_changelist", f"{app}.view_{model}", **more)


def _group(title: Any, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


_SPANS, _LINES = "monitoring.view_span", "monitoring.view_logrecord"
# Lists that are reached from the Retention page alone.
_OF_RETENTION = ("/retention/", "/monitoring/samplingpolicy/", "/monitoring/legalhold/")
# Lists that are reached from that of mute windows.
_OF_QUIET = (
    "/alerts/mutewindow/", "/alerts/inhibition/", "/alerts/dependency/", "/alerts/cap/",
    "/alerts/digest/", "/alerts/noisyrule/", "/alerts/acknowledgement/",
)  # fmt: skip
NAVIGATION: list[dict[str, Any]] = [
    {"items": [_link(_("Overview"), "monitoring", "admin:index")]},
    _group(
        _("Performance"),
        _link(_("Operations"), "speed", "performance", _SPANS),
        _link(_("Bottlenecks"), "troubleshoot", "bottlenecks", "monitoring.view_bottleneck"),
        _link(_("Traces"), "account_tree", "traces", _SPANS),
        _link(_("Critical paths"), "timeline", "critical-path", _SPANS),
        _link(_("Service map"), "hub", "service-map", _SPANS),
    ),
    _group(
        _("Logs"),
        _link(_("Log lines"), "notes", "logs", _LINES),
        _link(_("Log analytics"), "bar_chart", "log-analytics-page", _LINES),
        _link(_("Log exports"), "save", "log-exports-page", "monitoring.export_logrecord"),
    ),
    _group(
        _("Metrics"),
        _link(
            _("Explorer"), "query_stats", "metrics", "monitoring.view_metric",
            # Its address is the beginning of another page's.
            active=lambda request: request.path == reverse("metrics"),
        ),
        _link(_("Objectives"), "target", "objectives", "monitoring.view_objective"),
    ),
    _group(
        _("Alerts"),
        _link(_("Board"), "notification_important", "alert-board", "alerts.view_episode"),
        _list(
            _("Episodes"), "notifications_active", "alerts", "episode",
            badge="portal.overview.badges.open_alerts", badge_variant="danger",
        ),
        _list(_("Silences"), "notifications_off", "alerts", "silence"),
        _link(_("On call"), "schedule", "on-call", "alerts.view_schedule"),
        _link(_("Incidents"), "notification_important", "incidents", "alerts.view_incident"),
        _list(_("Rules"), "rule", "alerts", "rule"),
        _link(_("Routing"), "account_tree", "routing", "alerts.view_route"),
        _list(_("Escalation policies"), "account_tree", "alerts", "escalationpolicy"),
        _list(_("Escalations"), "history", "alerts", "escalation"),
        _list(_("Channels"), "send", "alerts", "channel"),
        _list(_("Phone accounts"), "badge", "alerts", "phoneaccount"),
        _list(_("Notifications"), "outgoing_mail", "alerts", "notification"),
        _list(
            _("Quiet"), "bedtime", "alerts", "mutewindow",
            active=lambda request: any(part in request.path for part in _OF_QUIET),
        ),
        _list(_("Dead man's switch"), "monitor_heart", "alerts", "deadman"),
        _list(_("Alert sources"), "input", "alerts", "foreignsource"),
        _list(_("Status pages"), "public", "alerts", "statuspage"),
    ),
    _group(
        _("Closed loop"),
        _list(_("Proposals"), "published_with_changes", "core", "proposal"),
        _list(_("Automatic changes"), "autoplay", "core", "autoapplyrule"),
    ),
    _group(
        _("Sources"),
        _link(_("Intake"), "input", "intake"),
        _list(_("Probes"), "network_ping", "monitoring", "probe"),
        _list(_("Scrape targets"), "download", "monitoring", "scrapetarget"),
        _list(_("Browser keys"), "key", "monitoring", "browserkey"),
        _list(_("Cloud accounts"), "cloud", "monitoring", "cloudaccount"),
        _list(_("Deployments"), "rocket_launch", "monitoring", "deployment"),
    ),
    _group(
        _("Keeping"),
        _link(
            _("Retention"), "storage", "retention", "monitoring.view_samplingpolicy",
            active=lambda request: any(part in request.path for part in _OF_RETENTION),
        ),
        _link(_("Metric costs"), "payments", "metric-cost", "monitoring.view_metriccost"),
        _list(_("Destinations"), "upload", "monitoring", "destination"),
    ),
    _group(
        _("System"),
        _list(_("API keys"), "key", "core", "apikey"),
        _list(_("People"), "person", "auth", "user"),
        _list(_("Groups"), "group", "auth", "group"),
        _list(_("Schedule"), "schedule", "django_celery_beat", "periodictask"),
        _list(_("Audit log"), "history", "core", "auditentry"),
        _link(_("API"), "api", "api-docs"),
        _link(_("About this portal"), "info", "about"),
    ),
]  # fmt: skip
