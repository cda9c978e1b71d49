"""Where telemetry is sent on, with credentials that are written and never read back."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.core.errors import InvalidInputError
from apps.core.vault import SealBrokenError
from apps.monitoring.models import Destination
from apps.monitoring.services import destinations

if TYPE_CHECKING:
    _DestinationForm = forms.ModelForm[Destination]
else:
    _DestinationForm = forms.ModelForm


class DestinationForm(_DestinationForm):
    """Credentials are typed in and sealed."""

    new_credentials = forms.CharField(
        label=_("credentials"),
        max_length=4000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"autocomplete": "off", "rows": 3}),
        help_text=_(
            "OTLP: header lines such as “Authorization: Bearer …”. New Relic, Datadog: the key."
            " Elasticsearch: “ApiKey …” or user:password."
            " Kept encrypted and never shown again. Empty: as it is."
        ),
    )

    class Meta:
        model = Destination
        fields = ("name", "kind", "endpoint", "traces", "logs", "metrics", "enabled")

    def clean(self) -> dict[str, Any]:
        """Check the address and the credentials together, as the sender will use them."""
        data = super().clean() or {}
        if not data.get("kind") or not data.get("endpoint"):
            return data
        self.instance.kind, self.instance.endpoint = data["kind"], data["endpoint"]
        moved = self.instance.pk and {"kind", "endpoint"} & set(self.changed_data)
        new = data.get("new_credentials") or None
        if moved and new is None and self.instance.credentials:
            # Else whoever may change the address could have the key sent to a server of theirs.
            self.add_error("new_credentials", _("Enter the credentials again for the new address."))
            return data
        try:
            destinations.prepare(self.instance, new)
        except InvalidInputError as error:
            self.add_error(None, str(error.words))
        except SealBrokenError as error:
            self.add_error("new_credentials", str(error))
        else:
            data["endpoint"] = self.instance.endpoint
        return data


@admin.register(Destination)
class DestinationAdmin(ModelAdmin):  # type: ignore[misc]
    """Receivers of telemetry."""

    form = DestinationForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("name", "kind", "endpoint", "enabled", "state", "last_ok_at", "last_error_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "endpoint")
    fields = (
        "name", "kind", "endpoint", "new_credentials", "traces", "logs", "metrics", "enabled",
        "last_ok_at", "last_error_at", "last_error",
    )  # fmt: skip
    readonly_fields = ("last_ok_at", "last_error_at", "last_error")
    actions = ("try_out",)

    @admin.display(description=_("state"))
    def state(self, destination: Destination) -> str:
        """How it fares."""
        return destinations.gist(destination)

    @admin.action(description=_("Send a test line"), permissions=["change"])
    def try_out(self, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
        """Send one line to each and say what came back."""
        for destination in queryset[:10]:
            try:
                told = destinations.try_out(destination)
            except (SealBrokenError, InvalidInputError) as error:
                told = str(error)
            if told:
                text = _("%(name)s did not take it: %(why)s")
                level = messages.ERROR
            else:
                text, level = _("%(name)s took a test line."), messages.SUCCESS
            self.message_user(request, text % {"name": destination.name, "why": told}, level)
