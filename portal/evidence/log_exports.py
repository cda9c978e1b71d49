"""The page of log exports."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.core import caller
from apps.monitoring.logexports import services
from portal.evidence.guard import in_shell
from portal.pages import render


@in_shell("monitoring.export_logrecord")
def page(request: HttpRequest) -> HttpResponse:
    """One's own exports; a superuser sees all."""
    everyone = bool(getattr(request.user, "is_superuser", False))
    found = services.visible(caller.actor(), everyone=everyone).order_by("-created_at")[:50]
    context = {"title": _("Log exports"), "exports": list(found)}
    return render(request, "pages/log_exports.html", context)
