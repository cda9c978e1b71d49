"""What may change by itself, in the admin. Every change of a rule is audited."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from apps.core.models import AutoApplyRule
from apps.core.proposals import kinds

if TYPE_CHECKING:
    _Form = forms.ModelForm[AutoApplyRule]
else:
    _Form = forms.ModelForm


def _choices() -> list[tuple[str, Any]]:
    return [(kind.key, kind.label) for kind in kinds.all_kinds()]


class AutoApplyRuleForm(_Form):
    """The kind is one of those there are."""

    kind = forms.ChoiceField(label=_("Kind"), choices=_choices, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = AutoApplyRule
        fields = ("kind", "pattern", "enabled")


@admin.register(AutoApplyRule)
class AutoApplyRuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Only LOW risk ever applies by itself, and only what stands here."""

    form = AutoApplyRuleForm
    list_display = ("kind", "pattern", "enabled", "created_by", "created_at")
    list_filter = ("enabled",)
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """With the name of who made it."""
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)
