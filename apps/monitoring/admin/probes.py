"""HTTP probes."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.monitoring import admin_sources
from apps.monitoring.models import Probe

__all__ = ["ProbeAdmin", "admin_sources"]


@admin.register(Probe)
class ProbeAdmin(ModelAdmin):  # type: ignore[misc]
    """Addresses that are asked again and again."""

    list_display = ("name", "url", "method", "expected_status", "interval_s", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "url")
    show_full_result_count = False
