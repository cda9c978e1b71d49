"""Where telemetry comes from, besides OTLP: scrape targets, browser keys, cloud accounts."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db.models import JSONField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.monitoring.models import (
    BrowserKey,
    CloudAccount,
    CloudFigure,
    CollectorState,
    ScrapeTarget,
)

if TYPE_CHECKING:
    _TargetForm = forms.ModelForm[ScrapeTarget]
    _AccountForm = forms.ModelForm[CloudAccount]
else:
    _TargetForm = _AccountForm = forms.ModelForm


# A line of text holds them better than a box of ten rows.
_ONE_LINE: Any = {
    ArrayField: {"widget": UnfoldAdminTextInputWidget},
    JSONField: {"widget": UnfoldAdminTextInputWidget},
}


class _Collected(ModelAdmin):  # type: ignore[misc]
    """What a collector reads: the list shows how its last run ended."""

    collector = ""
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """One statement for the list and the states."""
        state = CollectorState.objects.filter(kind=self.collector, target=OuterRef("name"))
        found: QuerySet[Any] = super().get_queryset(request)
        states: QuerySet[Any] = found.annotate(
            last_status=Subquery(state.values("status")[:1]),
            last_error=Subquery(state.values("error")[:1]),
            last_detail=Subquery(state.values("detail")[:1]),
            last_read=Subquery(state.values("last_ok")[:1]),
        )
        return states

    @admin.display(description=_("status"))
    def status(self, source: Any) -> str:
        """Its words where something is wrong, what was found where nothing is."""
        if not source.enabled:
            return str(_("disabled"))
        if source.last_status is None:
            return str(_("not read yet"))
        label = CollectorState.Status(source.last_status).label
        words = source.last_error or source.last_detail
        return f"{label}: {words}" if words else str(label)

    @admin.display(description=_("last success"))
    def read_at(self, source: Any) -> Any:
        return source.last_read


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
            "native_histograms", "enabled",
        )  # fmt: skip

    def clean_new_authorization(self) -> str:
        """What cannot be a header would break every scrape."""
        text = str(self.cleaned_data["new_authorization"])
        if any(ord(letter) < 32 or ord(letter) > 126 for letter in text):
            raise forms.ValidationError(_("A header holds printable ASCII characters only."))
        return text

    def clean(self) -> dict[str, Any]:
        """Who may change the address must not thereby read the header."""
        data = super().clean() or {}
        moved = self.instance.pk and "url" in self.changed_data
        if moved and self.instance.authorization and not data.get("new_authorization"):
            self.add_error(
                "new_authorization", _("Enter the header again for the new address, or a dash.")
            )
        return data

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 (Django's signature)
        if text := self.cleaned_data["new_authorization"]:
            self.instance.authorization = "" if text == "-" else text
        return super().save(commit)


@admin.register(ScrapeTarget)
class ScrapeTargetAdmin(_Collected):
    """Addresses that show figures in Prometheus' format."""

    form = ScrapeTargetForm
    formfield_overrides = _ONE_LINE
    collector = "scrape"
    list_display = (
        "name", "status", "service", "url", "read_at", "enabled",
    )  # fmt: skip
    list_filter = ("enabled",)
    search_fields = ("name", "service", "url")


@admin.register(BrowserKey)
class BrowserKeyAdmin(ModelAdmin):  # type: ignore[misc]
    """Public keys for pages."""

    formfield_overrides = _ONE_LINE
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

    formfield_overrides = _ONE_LINE
    model = CloudFigure
    extra = 0
    max_num = len(CloudFigure.Figure.choices)


@admin.register(CloudAccount)
class CloudAccountAdmin(_Collected):
    """Accounts whose figures are read every five minutes."""

    form = CloudAccountForm
    inlines: ClassVar = [CloudFigureInline]
    collector = "cloud"
    list_display = ("name", "status", "provider", "service", "region", "read_at", "enabled")
    list_filter = ("enabled", "provider")
    search_fields = ("name", "service")
