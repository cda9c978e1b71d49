"""HTTP probes."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.monitoring.models import Probe


@admin.register(Probe)
class ProbeAdmin(ModelAdmin):  # type: ignore[misc]
    """Addresses that are asked again and again."""

    list_display = ("name", "url", "method", "expected_status", "interval_s", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "url")
    show_full_result_count = False
