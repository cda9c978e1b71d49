"""The notification log: every message, every attempt."""

from typing import Any

import orjson
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.alerts.admin.base import (
    SEVERITY_LABELS,
    STATE_LABELS,
    ReadOnlyAdmin,
    ReadOnlyInline,
    column,
)
from apps.alerts.links import without_right
from apps.alerts.models import Attempt, DeliveryReceipt, Notification, ReceiptState
from apps.alerts.routing import words
from apps.alerts.services import outbox
from apps.core.errors import ConflictError


class AttemptInline(ReadOnlyInline):
    model = Attempt
    verbose_name_plural = _("Attempts")
    fields = readonly_fields = (
        "number", "started_at", "ended_at", "outcome", "status_code", "error", "may_repeat",
        "worker",
    )  # fmt: skip


class ReceiptInline(ReadOnlyInline):
    model = DeliveryReceipt
    verbose_name_plural = _("Receipts")
    fields = readonly_fields = ("at", "state", "detail")


class FallbackInline(ReadOnlyInline):
    model = Notification
    fk_name = "fallback_of"
    show_change_link = True
    verbose_name_plural = _("Told instead")
    fields = readonly_fields = (
        "created_at", "channel", "state", "attempt", "outcome", "error", "sent_at",
    )  # fmt: skip


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Messages, newest first."""

    why_empty = _("No message was due yet. The list of channels can send a test message.")
    list_display = (
        "created_at", "rule_shown", "channel", "purpose", "severity_shown", "state_shown",
        "outcome_shown", "receipt_shown",
    )  # fmt: skip
    list_filter = ("state", "kind", "purpose", "outcome", "severity", "channel")
    search_fields = ("episode__rule_name", "channel__name", "key")
    list_select_related = ("episode", "channel")
    inlines = (AttemptInline, ReceiptInline, FallbackInline)
    fields = (
        "rule_shown", "channel", "purpose", "severity", "state", "attempt", "outcome",
        "error", "may_repeat", "reason_shown", "fallback_of", "created_at", "next_attempt_at",
        "sent_at", "provider_id", "key", "payload_shown",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("resend",)

    @column(description=_("Rule"))
    def rule_shown(self, row: Notification) -> str:
        """The rule's name; test messages have none."""
        return row.episode.rule_name if row.episode else "–"

    @column(description=_("Payload"))
    def payload_shown(self, row: Notification) -> str:
        """What was sent, without the right it carries."""
        text = orjson.dumps(without_right(row.payload), option=orjson.OPT_INDENT_2).decode()
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)

    @column(description=_("Severity"), label=SEVERITY_LABELS, ordering="severity")
    def severity_shown(self, row: Notification) -> tuple[str, str]:
        """A coloured badge."""
        return row.severity, row.get_severity_display() or "–"

    @column(description=_("State"), label=STATE_LABELS, ordering="state")
    def state_shown(self, row: Notification) -> tuple[str, str]:
        """A coloured badge."""
        return row.state, row.get_state_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        """With the last receipt and whether another channel was told, in the one query."""
        found: QuerySet[Notification] = super().get_queryset(request)
        last = DeliveryReceipt.objects.filter(notification=OuterRef("pk")).order_by("-pk")
        below = Notification.objects.filter(fallback_of=OuterRef("pk"))
        return found.annotate(
            last_receipt=Subquery(last.values("state")[:1]), failed_over=Exists(below)
        )

    @column(
        description=_("Receipt"),
        label={
            "delivered": "success", "read": "success", "failed": "danger", "missing": "warning",
            "on_its_way": "info",
        },
    )  # fmt: skip
    def receipt_shown(self, row: Any) -> tuple[str, Any]:
        """The provider's last word."""
        state = row.last_receipt or ""
        return state, ReceiptState(state).label if state else "–"

    @column(description=_("Outcome"), ordering="outcome")
    def outcome_shown(self, row: Any) -> str:
        """What became of it, on one line."""
        tries = ngettext("%(n)d attempt", "%(n)d attempts", row.attempt) % {"n": row.attempt}
        parts = [
            row.get_outcome_display() if row.outcome else "",
            tries if row.attempt else "",
            _("told another channel") if row.failed_over else "",
            _("may repeat") if row.may_repeat else "",
        ]
        # Parts stay whole: the column is narrow.
        return " · ".join(str(part).replace(" ", "\u00a0") for part in parts if part) or "–"

    @column(description=_("Reason"))
    def reason_shown(self, row: Notification) -> str:
        """Why it was sent, in words."""
        return str(words.what(row.reason)) if row.reason else "–"

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Sending again is a change, though the log itself is read-only."""
        return request.user.has_perm("alerts.change_notification")

    @admin.action(description=_("Send again"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Send finished messages once more, marked as repeats."""
        again = 0
        for row in queryset.select_related(None):
            try:
                outbox.resend(row)
            except ConflictError as error:
                self.message_user(request, error.words, messages.WARNING)
            else:
                again += 1
        text = ngettext("%(n)d message is sent again.", "%(n)d messages are sent again.", again)
        self.message_user(request, text % {"n": again}, messages.SUCCESS)
