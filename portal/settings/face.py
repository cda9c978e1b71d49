"""How the admin looks (django-unfold)."""

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from portal.settings.navigation import NAVIGATION, TABS

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
    "SCRIPTS": [lambda _request: static("js/pickers.js")],
    "COMMAND": {"search_models": False, "show_history": False},
    "TABS": TABS,
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}
