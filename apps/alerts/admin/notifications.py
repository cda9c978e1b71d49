"""The notification log: every message, every attempt."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.alerts.admin.base import (
    SEVERITY_LABELS,
    STATE_LABELS,
    ReadOnlyAdmin,
    ReadOnlyInline,
    column,
)
from apps.alerts.models import Attempt, Notification
from apps.alerts.services import outbox
from apps.core.errors import ConflictError


class AttemptInline(ReadOnlyInline):
    model = Attempt
    verbose_name_plural = _("Attempts")
    fields = readonly_fields = (
        "number", "started_at", "ended_at", "outcome", "status_code", "error", "may_repeat",
        "worker",
    )  # fmt: skip


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Messages, newest first."""

    list_display = (
        "created_at", "rule_shown", "channel", "purpose", "severity_shown", "state_shown",
        "attempt", "outcome", "may_repeat", "sent_at",
    )  # fmt: skip
    list_filter = ("state", "kind", "purpose", "outcome")
    search_fields = ("episode__rule_name", "channel__name", "key")
    list_select_related = ("episode", "channel")
    inlines = (AttemptInline,)
    fields = (
        "rule_shown", "channel", "purpose", "severity_shown", "state_shown", "attempt", "outcome",
        "error", "may_repeat", "created_at", "next_attempt_at", "sent_at", "key", "payload",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("resend",)

    @column(description=_("Rule"))
    def rule_shown(self, row: Notification) -> str:
        """The rule's name; test messages have none."""
        return row.episode.rule_name if row.episode else "–"

    @column(description=_("Severity"), label=SEVERITY_LABELS, ordering="severity")
    def severity_shown(self, row: Notification) -> tuple[str, str]:
        """A coloured badge."""
        return row.severity, row.get_severity_display() or "–"

    @column(description=_("State"), label=STATE_LABELS, ordering="state")
    def state_shown(self, row: Notification) -> tuple[str, str]:
        """A coloured badge."""
        return row.state, row.get_state_display()

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
