"""Where telemetry comes from, besides OTLP: scrape targets, browser keys, cloud accounts."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.monitoring.models import BrowserKey, CloudAccount, CloudFigure, ScrapeTarget

if TYPE_CHECKING:
    _TargetForm = forms.ModelForm[ScrapeTarget]
    _AccountForm = forms.ModelForm[CloudAccount]
else:
    _TargetForm = _AccountForm = forms.ModelForm


def _written_once(label: Any) -> forms.CharField:
    """A field for what is sealed: typed in, never shown."""
    return forms.CharField(
        label=label, max_length=4000, required=False, strip=True,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted and never shown again. Empty: as it is; a dash: none."),
    )  # fmt: skip


class ScrapeTargetForm(_TargetForm):
    """The header is typed in and sealed."""

    new_authorization = _written_once(_("Authorization header"))

    class Meta:
        model = ScrapeTarget
        fields = (
            "name", "service", "url", "interval_s", "timeout_s", "labels", "sample_limit",
            "enabled",
        )  # fmt: skip

    def clean_new_authorization(self) -> str:
        """What cannot be a header would break every scrape."""
        text = str(self.cleaned_data["new_authorization"])
        if any(ord(letter) < 32 or ord(letter) > 126 for letter in text):
            raise forms.ValidationError(_("A header holds printable ASCII characters only."))
        return text

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 (Django's signature)
        if text := self.cleaned_data["new_authorization"]:
            self.instance.authorization = "" if text == "-" else text
        return super().save(commit)


@admin.register(ScrapeTarget)
class ScrapeTargetAdmin(ModelAdmin):  # type: ignore[misc]
    """Addresses that show figures in Prometheus' format."""

    form = ScrapeTargetForm
    list_display = ("name", "service", "url", "interval_s", "has_authorization", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "service", "url")
    show_full_result_count = False

    @admin.display(description=_("authorization"), boolean=True)
    def has_authorization(self, target: ScrapeTarget) -> bool:
        return bool(target.authorization)


@admin.register(BrowserKey)
class BrowserKeyAdmin(ModelAdmin):  # type: ignore[misc]
    """Public keys for pages."""

    list_display = ("name", "service", "key", "origin_list", "requests_a_minute", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "service", "key")
    readonly_fields = ("key", "address")
    show_full_result_count = False
    fields = (
        "name", "service", "origins", "attributes", "requests_a_minute", "most_series", "enabled",
        "key", "address",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: BrowserKey | None = None) -> Any:  # noqa: ARG002
        # The key of one that is not saved yet would be another in the end.
        return self.fields if obj else self.fields[:-2]

    @admin.display(description=_("origins"))
    def origin_list(self, key: BrowserKey) -> str:
        return ", ".join(key.origins)

    @admin.display(description=_("address for the exporter"))
    def address(self, key: BrowserKey) -> str:
        return f"/browser/{key.key}/v1/traces"


class CloudAccountForm(_AccountForm):
    """The secret is typed in and sealed."""

    new_secret = _written_once(_("Secret access key"))

    class Meta:
        model = CloudAccount
        fields = ("name", "provider", "service", "region", "access_key_id", "enabled")

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 (Django's signature)
        if text := self.cleaned_data["new_secret"]:
            self.instance.secret_access_key = "" if text == "-" else text
        return super().save(commit)


class CloudFigureInline(TabularInline):  # type: ignore[misc]
    """Up to five, one of each."""

    model = CloudFigure
    extra = 0
    max_num = len(CloudFigure.Figure.choices)


@admin.register(CloudAccount)
class CloudAccountAdmin(ModelAdmin):  # type: ignore[misc]
    """Accounts whose figures are read every five minutes."""

    form = CloudAccountForm
    inlines: ClassVar = [CloudFigureInline]
    list_display = ("name", "provider", "service", "region", "enabled")
    list_filter = ("enabled", "provider")
    search_fields = ("name", "service")
    show_full_result_count = False
