"""Sampling policies, legal holds and the archive in the admin."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.core.errors import PortalError
from apps.monitoring.models import LegalHold, LogArchive, SamplingPolicy
from apps.monitoring.services import sampling

_RULES = (
    "name", "hot_h", "keep_days", "keep_errors", "slow_quantile", "slow_ms", "keep_first_seen",
    "attributes", "share",
)  # fmt: skip


@admin.register(SamplingPolicy)
class SamplingPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    """A policy is previewed, then enabled; while it is on, it cannot be edited."""

    fields = (*_RULES, "enabled", "previewed_at", "previewed_shown")
    readonly_fields = ("enabled", "previewed_at", "previewed_shown")
    list_display = ("name", "enabled", "hot_h", "keep_days", "share", "previewed_shown")
    actions = ("preview", "enable", "disable")
    show_full_result_count = False

    @admin.display(description=_("Preview"))
    def previewed_shown(self, policy: SamplingPolicy) -> str:
        """What it would have kept of its last day."""
        found = policy.preview
        if not found:
            return str(_("Not previewed yet: choose “Preview” in the list."))
        return _("%(kept)s of %(all)s traces, %(mb)s MB a day") % {
            "kept": found["kept_traces"], "all": found["traces"],
            "mb": round(found["day_bytes"] / 1e6, 1),
        }  # fmt: skip

    def get_readonly_fields(
        self, request: HttpRequest, obj: SamplingPolicy | None = None
    ) -> Sequence[str]:
        """All of it while it is on: what was previewed must be what runs."""
        always = tuple(super().get_readonly_fields(request, obj))
        return (*_RULES, *always) if obj is not None and obj.enabled else always

    def has_delete_permission(
        self, request: HttpRequest, obj: SamplingPolicy | None = None
    ) -> bool:
        """Not while it is on."""
        return (obj is None or not obj.enabled) and super().has_delete_permission(request, obj)

    @admin.action(description=_("Preview on the last 24 hours"), permissions=["change"])
    def preview(self, request: HttpRequest, queryset: QuerySet[SamplingPolicy]) -> None:
        """Nothing is changed by it."""
        self._each(request, queryset, sampling.preview, _("%(name)s: previewed."))

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[SamplingPolicy]) -> None:
        """At most one is on."""
        self._each(request, queryset, sampling.enable, _("%(name)s is on."))

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[SamplingPolicy]) -> None:
        """Days thinned already stay as they are."""
        self._each(request, queryset, sampling.disable, _("%(name)s is off."))

    def _each(
        self, request: HttpRequest, queryset: QuerySet[SamplingPolicy],
        verb: Callable[[SamplingPolicy], Any], done: Any,
    ) -> None:  # fmt: skip
        for policy in queryset[:20]:
            try:
                verb(policy)
            except PortalError as error:
                self.message_user(request, f"{policy}: {error.words}", messages.ERROR)
            else:
                self.message_user(request, done % {"name": policy}, messages.SUCCESS)


@admin.register(LegalHold)
class LegalHoldAdmin(ModelAdmin):  # type: ignore[misc]
    """A hold is switched off when it is over, never deleted."""

    list_display = ("name", "service", "start", "end", "active", "created_by", "created_at")
    list_filter = ("active",)
    search_fields = ("name", "service")
    readonly_fields = ("created_by", "created_at")
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: LegalHold, form: Any, change: bool) -> None:  # noqa: FBT001
        """With the name of who made it."""
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)


@admin.register(LogArchive)
class LogArchiveAdmin(ModelAdmin):  # type: ignore[misc]
    """Days of log lines in files; taken back by a command, made and ended by retention."""

    list_display = (
        "day", "lines", "size_bytes", "file", "archived_at", "restored_until", "deleted_at",
    )  # fmt: skip
    list_filter = ("deleted_at",)
    date_hierarchy = None
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: LogArchive | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LogArchive | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False
