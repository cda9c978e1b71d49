"""Where alerts of other systems come from, and status pages with their components."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from apps.alerts.admin.base import SoundJSONField
from apps.alerts.foreign.mapping import reading_of
from apps.alerts.incidents import statuspages
from apps.alerts.models import ForeignSource, StatusComponent, StatusPage
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    _SourceForm = forms.ModelForm[ForeignSource]
else:
    _SourceForm = forms.ModelForm


class ForeignSourceForm(_SourceForm):
    """A mapping that cannot be followed is refused beside its field."""

    class Meta:
        model = ForeignSource
        fields = ("key", "name", "format", "mapping", "enabled", "opens_incident")
        field_classes = {"mapping": SoundJSONField}

    def clean_mapping(self) -> Any:
        """The mapping, readable."""
        mapping = self.cleaned_data["mapping"] or {}
        try:
            reading_of(mapping)
        except InvalidInputError as error:
            raise forms.ValidationError(str(error.words)) from error
        return mapping


@admin.register(ForeignSource)
class ForeignSourceAdmin(ModelAdmin):  # type: ignore[misc]
    """Senders of alerts. Their address is /alerts/in/<key>, with an API key of scope alerts."""

    why_empty = _(
        "Alerts of other systems come in at /alerts/in/ and the key of their source."
        " Prometheus needs none: it can take the portal for its Alertmanager."
    )
    form = ForeignSourceForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("key", "name", "format", "enabled", "opens_incident")
    list_filter = ("format", "enabled")
    search_fields = ("key", "name")


class ComponentInline(TabularInline):  # type: ignore[misc]
    model = StatusComponent
    extra = 0
    fields = ("position", "name", "description", "services")


@admin.register(StatusPage)
class StatusPageAdmin(ModelAdmin):  # type: ignore[misc]
    """Status pages."""

    why_empty = _("A status page tells others how you are, without an account here.")
    show_full_result_count = False
    list_per_page = 50
    list_display = ("slug", "title", "public", "enabled")
    search_fields = ("slug", "title")
    fields = ("slug", "title", "intro", "public", "enabled")
    inlines = (ComponentInline,)
    actions = ("new_token",)

    def view_on_site(self, page: StatusPage) -> str:
        """The page as its readers see it."""
        return reverse("status-page", args=[page.slug])

    @admin.action(description=_("Make a new token for readers"), permissions=["change"])
    def new_token(self, request: HttpRequest, queryset: QuerySet[StatusPage]) -> None:
        """The token of each private page; shown this once."""
        for page in queryset.filter(public=False):
            token = statuspages.set_token(page)
            page.save(update_fields=["token_hash"])
            text = _("Address of %(title)s for its readers, shown only now: %(address)s")
            address = f"/status/{page.slug}/?token={token}"
            self.message_user(
                request, text % {"title": page.title, "address": address}, messages.WARNING
            )
