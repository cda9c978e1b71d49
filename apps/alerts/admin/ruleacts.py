"""What the buttons of a rule's page do: bring a former version back, and test-fire."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.alerts.models import Rule, RuleVersion
from apps.alerts.services import rulebook, testfire
from apps.core.errors import NotFoundError, PortalError


def urls(model_admin: Any) -> list[Any]:
    """The addresses of the buttons, for people who may change rules."""

    def guarded(verb: Any) -> Any:
        def view(request: HttpRequest, pk: int, **known: int) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            if not model_admin.has_change_permission(request):
                raise PermissionDenied
            try:
                verb(request, pk, **known)
            except NotFoundError as error:
                raise Http404 from error
            except PortalError as error:
                messages.error(request, str(error.words))
            return redirect("admin:alerts_rule_change", pk)

        return model_admin.admin_site.admin_view(view)

    return [
        path("<int:pk>/restore/<int:version>/", guarded(_restore), name="alerts_rule_restore"),
        path("<int:pk>/test/", guarded(_test), name="alerts_rule_test"),
    ]


def restore_button(row: RuleVersion) -> str | SafeString:
    """Brings a version back; none for the one in force, and for what is of no use."""
    rule = row.rule
    if rule is None or row.after is None or row.version == rule.version:
        return ""
    address = reverse("admin:alerts_rule_restore", args=[rule.pk, row.version])
    return _button(address, _("Restore"))


def test_button(rule: Rule) -> str | SafeString:
    """Sends a test the way an alert of the rule would go, as it is stored."""
    if not rule.pk:
        return _("Shown once the rule is saved.")
    return _button(reverse("admin:alerts_rule_test", args=[rule.pk]), _("Send a test"))


def _button(address: str, words: str) -> SafeString:
    # Of the form around it, whose token guards it; what stands in that form is not read.
    return format_html(
        '<button type="submit" class="ph-quiet" formaction="{}" formnovalidate>{}</button>',
        address, words,
    )  # fmt: skip


def _restore(request: HttpRequest, pk: int, version: int) -> None:
    done = rulebook.restore(pk, version, request.user.get_username())
    words = _("Version %(old)d is in force again, as version %(new)d.")
    done.rule.refresh_from_db(fields=["version"])
    messages.success(request, words % {"old": version, "new": done.rule.version})


def _test(request: HttpRequest, pk: int) -> None:
    rule = Rule.objects.filter(pk=pk).first()
    if rule is None:
        raise NotFoundError("There is no such rule.")
    told = testfire.fire(rule, request.user.get_username())
    names = ", ".join(row.channel.name for row in told.owed if row.channel)
    if names:
        messages.success(request, _("A test goes to: %(names)s.") % {"names": names})
    held = [leg for leg in told.legs if leg.text]
    for leg in held:
        messages.warning(request, f"{leg.receiver or leg.via}: {leg.text}")
    if not names and not held:
        messages.warning(request, _("Nobody is told at once: only the escalation would page."))
