"""Deployments, seen or reported."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.monitoring.models import Deployment


@admin.register(Deployment)
class DeploymentAdmin(ModelAdmin):  # type: ignore[misc]
    """Which version went live when; telemetry and deployers add to it."""

    list_display = ("service", "version", "environment", "at", "source")
    list_filter = ("source",)
    search_fields = ("service", "version", "environment")
    readonly_fields = ("source",)
    show_full_result_count = False
