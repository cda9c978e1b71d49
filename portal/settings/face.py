"""How the admin looks and what its sidebar holds (django-unfold)."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _link(
    title: Any, icon: str, url_name: str, permission: str = "", **more: Any
) -> dict[str, Any]:
    """One entry of the sidebar; with a permission only those who hold it see it."""
    entry = {"title": title, "icon": icon, "link": reverse_lazy(url_name), **more}
    if permission:
        entry["permission"] = lambda request: request.user.has_perm(permission)
    return entry


# A blue whose 600 has 4.5:1 on white and whose 500 has it on the dark page.
_PRIMARY = {
    "50": "#eff8ff",
    "100": "#dff0ff",
    "200": "#b8e2ff",
    "300": "#79cbff",
    "400": "#32b1fe",
    "500": "#0a98f0",
    "600": "#0071bd",
    "700": "#005f9f",
    "800": "#045083",
    "900": "#0a436d",
    "950": "#062a48",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Pharos",
    "SITE_HEADER": "Pharos",
    "SITE_SUBHEADER": _("Observability and performance"),
    "SITE_ICON": lambda _request: static("img/pharos.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("img/pharos.svg"),
        },
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "ENVIRONMENT": "portal.environment.badge",
    "DASHBOARD_CALLBACK": "portal.overview.pages.dashboard",
    "COLORS": {"primary": _PRIMARY},
    "STYLES": [
        lambda _request: static("css/pharos.css"),
        lambda _request: static("css/kit/controls.css"),
        lambda _request: static("css/kit/panels.css"),
    ],
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [_link(_("Overview"), "monitoring", "admin:index")],
            },
            {
                "title": _("Monitoring"),
                "separator": True,
                "items": [
                    _link(_("Traces"), "account_tree", "traces", "monitoring.view_span"),
                    _link(_("Logs"), "notes", "logs", "monitoring.view_logrecord"),
                    _link(
                        _("Probes"),
                        "network_ping",
                        "admin:monitoring_probe_changelist",
                        "monitoring.view_probe",
                    ),
                    _link(
                        _("Scrape targets"),
                        "download",
                        "admin:monitoring_scrapetarget_changelist",
                        "monitoring.view_scrapetarget",
                    ),
                    _link(
                        _("Browser keys"),
                        "key",
                        "admin:monitoring_browserkey_changelist",
                        "monitoring.view_browserkey",
                    ),
                    _link(
                        _("Cloud accounts"),
                        "cloud",
                        "admin:monitoring_cloudaccount_changelist",
                        "monitoring.view_cloudaccount",
                    ),
                ],
            },
            {
                "title": _("Alerts"),
                "separator": True,
                "items": [
                    _link(
                        _("Episodes"),
                        "notifications_active",
                        "admin:alerts_episode_changelist",
                        "alerts.view_episode",
                        badge="portal.overview.badges.open_alerts",
                        badge_variant="danger",
                    ),
                    _link(_("Rules"), "rule", "admin:alerts_rule_changelist", "alerts.view_rule"),
                    _link(
                        _("Channels"),
                        "send",
                        "admin:alerts_channel_changelist",
                        "alerts.view_channel",
                    ),
                    _link(
                        _("Notifications"),
                        "outgoing_mail",
                        "admin:alerts_notification_changelist",
                        "alerts.view_notification",
                    ),
                ],
            },
            {
                "title": _("Closed loop"),
                "separator": True,
                "items": [
                    _link(
                        _("Proposals"),
                        "published_with_changes",
                        "admin:core_proposal_changelist",
                        "core.view_proposal",
                    ),
                    _link(
                        _("Automatic changes"),
                        "autoplay",
                        "admin:core_autoapplyrule_changelist",
                        "core.view_autoapplyrule",
                    ),
                ],
            },
            {
                "title": _("System"),
                "separator": True,
                "items": [
                    _link(_("API keys"), "key", "admin:core_apikey_changelist", "core.view_apikey"),
                    _link(_("People"), "person", "admin:auth_user_changelist", "auth.view_user"),
                    _link(_("Groups"), "group", "admin:auth_group_changelist", "auth.view_group"),
                    _link(
                        _("Schedule"),
                        "schedule",
                        "admin:django_celery_beat_periodictask_changelist",
                        "django_celery_beat.view_periodictask",
                    ),
                    _link(
                        _("Audit log"),
                        "history",
                        "admin:core_auditentry_changelist",
                        "core.view_auditentry",
                    ),
                    _link(_("API"), "api", "api-docs"),
                    _link(_("About this portal"), "info", "about"),
                ],
            },
        ],
    },
}
