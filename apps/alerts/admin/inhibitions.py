"""What explains what: inhibitions and dependencies."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import ModelAdmin

from apps.alerts.admin.base import column
from apps.alerts.admin.matcher_field import MatchersField
from apps.alerts.matchers import in_words
from apps.alerts.models import Dependency, Inhibition
from apps.alerts.services import dependencies
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    _InhibitionForm = forms.ModelForm[Inhibition]
    _DependencyForm = forms.ModelForm[Dependency]
else:
    _InhibitionForm = _DependencyForm = forms.ModelForm


class InhibitionForm(_InhibitionForm):
    """Matchers as text."""

    stored_sources = MatchersField(label=pgettext_lazy("inhibition", "Sources"))
    stored_targets = MatchersField(label=_("Targets"))

    class Meta:
        model = Inhibition
        fields = (
            "name", "stored_sources", "stored_targets", "equal", "everywhere", "enabled",
        )  # fmt: skip


@admin.register(Inhibition)
class InhibitionAdmin(ModelAdmin):  # type: ignore[misc]
    """While a source fires, its targets do not page."""

    why_empty = _("An inhibition keeps alerts quiet that another one explains.")
    form = InhibitionForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("name", "sources_shown", "targets_shown", "equal", "everywhere", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name",)

    @column(description=pgettext_lazy("inhibition", "Sources"))
    def sources_shown(self, row: Inhibition) -> str:
        """As typed."""
        return in_words(row.sources)

    @column(description=_("Targets"))
    def targets_shown(self, row: Inhibition) -> str:
        """As typed."""
        return in_words(row.targets)


class DependencyForm(_DependencyForm):
    """A circle is refused beside the field that would close it."""

    class Meta:
        model = Dependency
        fields = ("child", "parent", "enabled")

    def clean(self) -> dict[str, Any]:
        """Ask the service, in the transaction of the admin that then stores it."""
        data = super().clean() or {}
        child, parent = data.get("child"), data.get("parent")
        if child and parent and data.get("enabled"):
            try:
                with transaction.atomic():
                    dependencies.check(child, parent)
            except InvalidInputError as error:
                self.add_error("parent", str(error.words))
        return data


@admin.register(Dependency)
class DependencyAdmin(ModelAdmin):  # type: ignore[misc]
    """Alerts of a service wait while one it depends on is no better off."""

    why_empty = _("While a service fires, those that depend on it wait.")
    form = DependencyForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("child", "parent", "enabled", "created_at")
    list_filter = ("enabled",)
    search_fields = ("child", "parent")
