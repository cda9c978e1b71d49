"""Caps, the digests of what was over them, and the rules that cause it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from apps.alerts.admin.base import ReadOnlyAdmin, ReadOnlyInline, column
from apps.alerts.models import Cap, Digest, DigestEntry, NoisyRule
from apps.alerts.services import noise


@admin.register(Cap)
class CapAdmin(ModelAdmin):  # type: ignore[misc]
    """The most messages; the closest row counts."""

    why_empty = _("Without a cap every message is sent by itself, in a storm too.")
    show_full_result_count = False
    list_per_page = 50
    list_display = ("__str__", "burst", "per_hour", "enabled")
    list_filter = ("scope", "enabled")
    list_select_related = ("channel",)
    autocomplete_fields = ("channel",)


class EntryInline(ReadOnlyInline):
    model = DigestEntry
    verbose_name_plural = _("Messages")
    fields = readonly_fields = ("at", "purpose", "severity", "episode")


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    """What was told together, newest first."""

    why_empty = _("No channel was over its cap: every message was sent by itself.")
    list_display = ("channel", "person", "created_at", "due_at", "sent_at", "entries_shown")
    list_select_related = ("channel", "person")
    inlines = (EntryInline,)
    fields = readonly_fields = (
        "channel", "person", "created_at", "due_at", "sent_at", "notification",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Digest]:
        """With the number of messages."""
        rows: QuerySet[Digest] = super().get_queryset(request)
        return rows.annotate(n=Count("entries"))

    @column(description=_("Messages"))
    def entries_shown(self, row: Any) -> int:
        """How many."""
        return int(row.n)


@admin.register(NoisyRule)
class NoisyRuleAdmin(ReadOnlyAdmin):
    """Rules that page too often to be read: raise a threshold or `for`, group, or switch off."""

    why_empty = _("No rule sends so many messages that people stop reading them.")
    list_display = ("rule", "most", "since", "last_at", "closed_at", "closed_by")
    list_filter = (("closed_at", admin.EmptyFieldListFilter),)
    list_select_related = ("rule",)
    fields = readonly_fields = ("rule", "most", "since", "last_at", "closed_at", "closed_by")
    actions = ("close",)

    def has_close_permission(self, request: HttpRequest) -> bool:
        """To close a task is a change, though its row is not edited."""
        return request.user.has_perm("alerts.change_noisyrule")

    @admin.action(description=_("Close: somebody has looked at it"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[NoisyRule]) -> None:
        """It opens again when the rule stays as noisy."""
        done = sum(noise.close(row, request.user.get_username()) for row in queryset)
        text = ngettext("%(n)d task is closed.", "%(n)d tasks are closed.", done)
        self.message_user(request, text % {"n": done}, messages.SUCCESS)
