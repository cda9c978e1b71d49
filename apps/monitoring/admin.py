"""What operators set up of monitoring: the HTTP probes and deployments."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.monitoring.models import Deployment, Probe


@admin.register(Probe)
class ProbeAdmin(ModelAdmin):  # type: ignore[misc]
    """Addresses that are asked again and again."""

    list_display = ("name", "url", "method", "expected_status", "interval_s", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "url")
    show_full_result_count = False


@admin.register(Deployment)
class DeploymentAdmin(ModelAdmin):  # type: ignore[misc]
    """Which version went live when; telemetry and deployers add to it."""

    list_display = ("service", "version", "environment", "at", "source")
    list_filter = ("source",)
    search_fields = ("service", "version", "environment")
    readonly_fields = ("source",)
    show_full_result_count = False
