"""Episodes with their timeline."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from apps.alerts.admin.base import (
    SEVERITY_LABELS,
    STATE_LABELS,
    ReadOnlyAdmin,
    ReadOnlyInline,
    column,
)
from apps.alerts.admin.named import named
from apps.alerts.delivery.wording import figure
from apps.alerts.filters import HistoryFilters
from apps.alerts.models import Acknowledgement, Episode, EpisodeEvent, Notification
from apps.alerts.routing import words
from apps.alerts.services import acknowledgements

_LINK = '<a class="text-primary-600 dark:text-primary-500 underline" href="{}">{}</a>'


class TimelineInline(ReadOnlyInline):
    model = EpisodeEvent
    verbose_name_plural = _("Timeline")
    fields = readonly_fields = ("at_shown", "kind_shown", "detail_shown")

    @column(description=_("at"))
    def at_shown(self, row: EpisodeEvent) -> str:
        """To the second: what matters of an alert happens within a minute."""
        return f"{localtime(row.at):%Y-%m-%d %H:%M:%S}"

    @column(description=_("Event"))
    def kind_shown(self, row: EpisodeEvent) -> str:
        """In words."""
        return str(words.what(row.kind))

    @column(description=_("Detail"))
    def detail_shown(self, row: EpisodeEvent) -> str:
        """What is known, on one line."""
        return " · ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in (row.detail or {}).items()
            if value not in ("", None, False)
        )


class AcknowledgementInline(ReadOnlyInline):
    model = Acknowledgement
    verbose_name_plural = _("Acknowledgements")
    fields = readonly_fields = ("at", "by", "note", "until", "ended_at", "end_reason", "ended_by")


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

    why_empty = _("No alert has fired yet.")
    fill_command = "FAULTS=n_plus_1 make demo"
    list_display = (
        "rule_name", "severity_shown", "state_shown", "scope_shown", "value_shown",
        "started_at", "ended_at",
    )  # fmt: skip
    list_filter = tuple(
        named(HistoryFilters, name)
        for name in ("state", "severity", "taken", "service", "rule", "label", "source")
    )
    search_fields = ("rule_name", "metric")
    list_select_related = ("rule",)
    inlines = (TimelineInline, AcknowledgementInline, NotificationInline)
    actions = ("acknowledge", "let_go")
    actions_detail = ("silence",)
    fields = (
        "rule_name", "severity", "state", "metric", "scope_shown", "value_shown",
        "worst_shown", "started_at", "fired_at", "ended_at", "end_reason",
        "incidents_shown", "why_shown",
    )  # fmt: skip
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        """Incidents for those who may see them."""
        may = request.user.has_perm("alerts.view_incident")
        return [name for name in self.fields if may or name != "incidents_shown"]

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """To take an episode is no change of it."""
        return request.user.has_perm("alerts.add_acknowledgement")

    def has_let_go_permission(self, request: HttpRequest) -> bool:
        """To let one go ends somebody's acknowledgement."""
        return request.user.has_perm("alerts.change_acknowledgement")

    def has_silence_permission(self, request: HttpRequest, object_id: str = "") -> bool:  # noqa: ARG002
        """Whoever may add silences."""
        return request.user.has_perm("alerts.add_silence")

    @admin.action(description=_("Acknowledge"), permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Episode]) -> None:
        """Take these: they stop paging."""
        done = acknowledgements.acknowledge(queryset, request.user.get_username())
        text = ngettext("%(n)d episode is acknowledged.", "%(n)d episodes are acknowledged.", done)
        self.message_user(request, text % {"n": done}, messages.SUCCESS)

    @admin.action(description=_("Let go: page again"), permissions=["let_go"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Episode]) -> None:
        """They page again, from the first step."""
        done = acknowledgements.unacknowledge(queryset, request.user.get_username())
        text = ngettext("%(n)d episode pages again.", "%(n)d episodes page again.", done)
        self.message_user(request, text % {"n": done}, messages.SUCCESS)

    @action(description=_("Silence…"), url_path="silence", permissions=["silence"])  # type: ignore[untyped-decorator]
    def silence(self, request: HttpRequest, object_id: str) -> HttpResponse:  # noqa: ARG002
        """The form of a silence that matches this alert alone."""
        return redirect(f"{reverse('admin:alerts_silence_add')}?episode={object_id}")

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
        """The last value with its unit, and the threshold in force; none of other systems."""
        if row.value is None and row.threshold is None:
            return "–"
        return f"{self._figure(row, row.value)} {self.threshold_shown(row)}"

    @column(description=_("Worst value"), ordering="peak")
    def worst_shown(self, row: Episode) -> str:
        """The worst value with its unit."""
        return self._figure(row, row.peak)

    @column(description=_("Threshold"), ordering="threshold")
    def threshold_shown(self, row: Episode) -> str:
        """The threshold in force, with its sign."""
        if row.threshold is None:
            return ""
        sign = ">" if row.direction == "above" else "<"
        return f"{sign} {self._figure(row, row.threshold)}"

    @column(description=_("Incidents"))
    def incidents_shown(self, row: Episode) -> str | SafeString:
        """Leads to each it belongs to."""
        found = row.incidents.order_by("-pk")[:20]
        pairs = [(reverse("incident", args=[one.pk]), str(one)) for one in found]
        return format_html_join(", ", _LINK, pairs) or "–"

    @column(description=_("Messages"))
    def why_shown(self, row: Episode) -> str:
        """Leads to who was told, and why, or why not."""
        address = reverse("alert-why", args=[row.pk])
        return format_html(_LINK, address, _("Why was I (not) told?"))

    def _figure(self, row: Episode, value: float | None) -> str:
        return figure(value, row.unit, row.rule.aggregation if row.rule else "")
