"""Phone accounts, with secrets that are written but never read back, and the dead man's switch."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apps.alerts.admin.base import column
from apps.alerts.delivery.phone import PROVIDERS, Field
from apps.alerts.models import DeadMan, PhoneAccount
from apps.alerts.services import deadman, phones
from apps.core.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[PhoneAccount]
else:
    _ModelForm = forms.ModelForm
_LONG: Final = ("template", "variables")


def field_name(provider: str, one: Field) -> str:
    """The form field of a provider's setting."""
    return f"{provider}_{one.name}"


def _every_field() -> list[tuple[str, str, Field]]:
    return [
        (name, field_name(name, one), one)
        for name, provider in sorted(PROVIDERS.items())
        for one in provider.fields
    ]


class PhoneAccountForm(_ModelForm):
    """Common fields, those of each provider, and a secret that is only typed in."""

    provider = forms.ChoiceField(
        label=_("Provider"),
        choices=lambda: [(name, one.label) for name, one in sorted(PROVIDERS.items())],
        # The script of channels shows the fields of what is chosen here.
        widget=UnfoldAdminSelectWidget(attrs={"id": "id_kind"}),
    )
    new_secret = forms.CharField(
        label=_("Secret"),
        max_length=500,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "Auth token or secret key. Kept encrypted and never shown again. Empty: as it is."
        ),
    )

    class Meta:
        model = PhoneAccount
        fields = ("name", "provider", "endpoint")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field, one in _every_field():
            if name == self.instance.provider:
                self.initial.setdefault(field, self.instance.settings.get(one.name, ""))

    def clean(self) -> dict[str, Any]:
        """Refused as the provider would refuse it, beside the field."""
        data = super().clean() or {}
        provider = data.get("provider")
        if not provider or self.errors:
            return data
        self.instance.provider = provider
        self.instance.endpoint = data.get("endpoint") or ""
        settings = {
            one.name: data.get(field, "") for name, field, one in _every_field() if name == provider
        }
        try:
            phones.fill(self.instance, settings, data.get("new_secret", ""))
        except InvalidInputError as error:
            named = next((f"{provider}_{name}" for name in error.details), "")
            self.add_error(named if named in self.fields else None, str(error.words))
        return data


for _provider, _name, _one in _every_field():
    _widget = UnfoldAdminTextareaWidget if _one.name in _LONG else UnfoldAdminTextInputWidget
    _field = forms.CharField(
        label=_one.label, help_text=_one.help, required=False, max_length=4000, widget=_widget()
    )
    PhoneAccountForm.base_fields[_name] = PhoneAccountForm.declared_fields[_name] = _field


@admin.register(PhoneAccount)
class PhoneAccountAdmin(ModelAdmin):  # type: ignore[misc]
    """Accounts with providers."""

    why_empty = _("SMS and AlimTalk are sent by the account of a provider.")
    form = PhoneAccountForm
    show_full_result_count = False
    list_display = ("name", "provider_shown", "endpoint", "created_at")
    search_fields = ("name",)

    class Media:
        js = ("js/channelform.js",)

    def get_fieldsets(self, request: HttpRequest, obj: PhoneAccount | None = None) -> Any:  # noqa: ARG002
        """What every account has, then one group of fields for each provider."""
        groups = [
            (one.label, {
                "fields": [field_name(name, field) for field in one.fields],
                "classes": [f"kind-{name}"],
            })
            for name, one in sorted(PROVIDERS.items())
        ]  # fmt: skip
        common = {"fields": ("name", "provider", "new_secret", "endpoint")}
        return [(None, common), *groups]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Channels refer to the name."""
        return ("name",) if obj else ()

    @column(description=_("Provider"), ordering="provider")
    def provider_shown(self, row: PhoneAccount) -> str:
        """Its own name."""
        return str(PROVIDERS[row.provider].label) if row.provider in PROVIDERS else row.provider

    def delete_model(self, request: HttpRequest, obj: PhoneAccount) -> None:
        """Not while a channel uses it."""
        self.delete_queryset(request, [obj])

    def delete_queryset(
        self, request: HttpRequest, queryset: "QuerySet[PhoneAccount] | list[PhoneAccount]"
    ) -> None:
        """The same for many."""
        for account in queryset:
            try:
                phones.delete(account)
            except ConflictError as error:
                self.message_user(request, error.words, messages.ERROR)


@admin.register(DeadMan)
class DeadManAdmin(ModelAdmin):  # type: ignore[misc]
    """Who is told of life, and who of its absence: one row."""

    fields = (
        "heartbeat", "second", "late_after_s", "beat_at", "heard_at", "alarmed_at", "now",
    )  # fmt: skip
    readonly_fields = ("beat_at", "heard_at", "alarmed_at", "now")

    @column(description=_("Now"))
    def now(self, row: DeadMan) -> str:
        """Whether a page would get through, and whether anybody would notice if not."""
        told = deadman.heart().trouble or str(_("Rules are judged and messages leave."))
        if row.heartbeat_id is None and row.second_id is None:
            told += " " + str(_("If that ended, nobody would be told: choose a watcher above."))
        return told

    def changelist_view(
        self,
        request: HttpRequest,  # noqa: ARG002
        extra_context: Any = None,  # noqa: ARG002
    ) -> HttpResponse:
        """There is one: straight to it."""
        row = deadman.settings()
        return HttpResponseRedirect(reverse("admin:alerts_deadman_change", args=[row.pk]))

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """There is one already."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """There is always one."""
        return False
