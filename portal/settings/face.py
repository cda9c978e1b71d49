"""How the admin looks and what its sidebar holds (django-unfold)."""

from typing import Any

from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Pharos",
    "SITE_HEADER": "Pharos",
    "SITE_SUBHEADER": _("Observability and performance"),
    "SITE_SYMBOL": "wb_twilight",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
