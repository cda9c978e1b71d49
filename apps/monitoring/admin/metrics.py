"""Objectives, and metrics that are no longer taken."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.monitoring.models import DropRule, Objective


@admin.register(Objective)
class ObjectiveAdmin(ModelAdmin):  # type: ignore[misc]
    """Figures somebody wants to hold."""

    list_display = ("name", "group", "metric", "aggregation", "side", "goal", "enabled")
    list_filter = ("group", "enabled")
    search_fields = ("name", "metric")
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("name", "summary", "group", "enabled")}),
        (_("What is measured"), {"fields": ("metric", "aggregation", "scope", "by", "window_s")}),
        (
            _("Ratio"),
            {"fields": ("over_metric", "over_scope", "complement"), "classes": ("collapse",)},
        ),
        (_("The goal"), {"fields": ("side", "goal", "unit", "reach", "share")}),
    )


@admin.register(DropRule)
class DropRuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Metrics dropped on arrival; made on the page of costs or here, never edited."""

    list_display = ("name", "reason", "created_by", "created_at")
    search_fields = ("name",)
    show_full_result_count = False
    fields = ("name", "reason")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A rule is there or not."""
        return False

    def save_model(self, request: HttpRequest, obj: DropRule, form: Any, change: Any) -> None:
        """Who made it."""
        obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)
