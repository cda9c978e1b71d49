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


def _tab(title: Any, model: str) -> dict[str, Any]:
    """One tab above the lists of alerting that belong together."""
    view = f"alerts.view_{model}"
    return {
        "title": title,
        "link": reverse_lazy(f"admin:alerts_{model}_changelist"),
        "permission": lambda request: request.user.has_perm(view),
    }


# Lists that belong together: the sidebar names the first, tabs lead to the others.
_QUIET: dict[str, Any] = {
    "silence": _("Silences"), "mutewindow": _("Mute windows"), "inhibition": _("Inhibitions"),
    "dependency": _("Dependencies"), "cap": _("Caps"), "digest": _("Digests"),
    "noisyrule": _("Noisy rules"), "acknowledgement": _("Acknowledgements"),
}  # fmt: skip
_ROUTING: dict[str, Any] = {
    "route": _("Routes"), "receiver": _("Receivers"), "alertgroup": _("Groups"),
}  # fmt: skip
_ESCALATION: dict[str, Any] = {
    "escalationpolicy": _("Policies"), "escalation": _("Escalations"),
    "policyfault": _("Policy faults"), "schedule": _("Schedules"), "override": _("Overrides"),
    "team": _("Teams"), "contactmethod": _("Contact methods"),
}  # fmt: skip
_CHANNELS: dict[str, Any] = {
    "channel": _("Channels"), "phoneaccount": _("Phone accounts"),
    "deadman": _("Dead man's switch"),
}  # fmt: skip
TABS: list[dict[str, Any]] = [
    {
        "models": [f"alerts.{model}" for model in lists],
        "items": [_tab(title, model) for model, title in lists.items()],
    }
    for lists in (_QUIET, _ROUTING, _ESCALATION, _CHANNELS)
]


def _within(lists: dict[str, Any], page: str = "") -> Any:
    """Whether one of these lists, one of its rows, or the page is open."""
    parts = [f"/alerts/{model}/" for model in lists] + ([page] if page else [])
    return lambda request: any(part in request.path for part in parts)


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
        _link(
            _("Board"), "notification_important", "alert-board", "alerts.view_episode",
            badge="portal.overview.badges.open_alerts", badge_variant="danger",
        ),
        _link(_("Incidents"), "emergency", "incidents", "alerts.view_incident"),
        _link(_("On call"), "contacts", "on-call", "alerts.view_schedule"),
        _list(_("Silences"), "notifications_off", "alerts", "silence", active=_within(_QUIET)),
        _list(_("Rules"), "rule", "alerts", "rule"),
        _link(
            _("Routing"), "route", "routing", "alerts.view_route",
            active=_within(_ROUTING, "/alerts/routing/"),
        ),
        _list(_("Escalation"), "stairs", "alerts", "escalationpolicy", active=_within(_ESCALATION)),
        _list(_("Channels"), "send", "alerts", "channel", active=_within(_CHANNELS)),
        _list(_("Notifications"), "outgoing_mail", "alerts", "notification"),
        _list(_("Episodes"), "history", "alerts", "episode"),
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
