"""Episodes with their timeline."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.alerts.admin.base import (
    SEVERITY_LABELS,
    STATE_LABELS,
    ReadOnlyAdmin,
    ReadOnlyInline,
    column,
)
from apps.alerts.delivery.wording import figure
from apps.alerts.models import Episode, EpisodeEvent, Notification


class TimelineInline(ReadOnlyInline):
    model = EpisodeEvent
    verbose_name_plural = _("Timeline")
    fields = readonly_fields = ("at", "kind", "detail")


class NotificationInline(ReadOnlyInline):
    model = Notification
    show_change_link = True
    verbose_name_plural = _("Notifications")
    fields = readonly_fields = (
        "created_at", "channel", "purpose", "severity", "state", "attempt", "outcome", "error",
    )  # fmt: skip


@admin.register(Episode)
class EpisodeAdmin(ReadOnlyAdmin):
    """Runs of alerts, newest first."""

    list_display = (
        "rule_name", "severity_shown", "state_shown", "scope_shown", "value_shown",
        "threshold_shown", "started_at", "ended_at",
    )  # fmt: skip
    list_filter = ("state", "severity")
    search_fields = ("rule_name", "metric")
    list_select_related = ("rule",)
    inlines = (TimelineInline, NotificationInline)
    fields = (
        "rule_name", "severity_shown", "state_shown", "metric", "scope_shown", "value_shown",
        "worst_shown", "threshold_shown", "started_at", "fired_at", "ended_at", "end_reason",
        "why_shown",
    )  # fmt: skip
    readonly_fields = fields

    @column(description=_("Severity"), label=SEVERITY_LABELS, ordering="severity")
    def severity_shown(self, row: Episode) -> tuple[str, str]:
        """A coloured badge."""
        return row.severity, row.get_severity_display()

    @column(description=_("State"), label=STATE_LABELS, ordering="state")
    def state_shown(self, row: Episode) -> tuple[str, str]:
        """A coloured badge."""
        return row.state, row.get_state_display()

    @column(description=_("Scope"))
    def scope_shown(self, row: Episode) -> str:
        """The labels on one line."""
        return ", ".join(f"{key}={value}" for key, value in sorted(row.labels.items()))

    @column(description=_("Value"), ordering="value")
    def value_shown(self, row: Episode) -> str:
        """The last value with its unit."""
        return self._figure(row, row.value)

    @column(description=_("Worst value"), ordering="peak")
    def worst_shown(self, row: Episode) -> str:
        """The worst value with its unit."""
        return self._figure(row, row.peak)

    @column(description=_("Threshold"), ordering="threshold")
    def threshold_shown(self, row: Episode) -> str:
        """The threshold in force, with its sign."""
        sign = ">" if row.direction == "above" else "<"
        return f"{sign} {self._figure(row, row.threshold)}"

    @column(description=_("Messages"))
    def why_shown(self, row: Episode) -> str:
        """Leads to who was told, and why, or why not."""
        address = reverse("alert-why", args=[row.pk])
        return format_html('<a href="{}">{}</a>', address, _("Why was I (not) told?"))

    def _figure(self, row: Episode, value: float | None) -> str:
        return figure(value, row.unit, row.rule.aggregation if row.rule else "")
