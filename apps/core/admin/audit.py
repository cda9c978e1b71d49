"""The audit log in the admin: read, never written."""

from ipaddress import ip_address

import orjson
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.core.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):  # type: ignore[misc]
    """Changes, newest first."""

    list_display = ("at", "actor", "action", "target", "change", "remote_address")
    search_fields = (
        "actor__exact",
        "action__startswith",
        "target__startswith",
        "request_id__exact",
    )
    search_help_text = _("A whole actor or request id, or the beginning of an action or target.")
    ordering = ("-at", "-id")
    # Other orders would sort the whole log.
    sortable_by = ()
    show_full_result_count = False
    list_per_page = 50
    fields = readonly_fields = (
        "at", "actor", "action", "target", "before", "after", "request_id", "remote_address",
    )  # fmt: skip

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """An address that is none would fail only as the rows are read: it is refused with 400."""
        if lookup.startswith("remote_address") and not lookup.endswith("__isnull"):
            try:
                _addresses = [ip_address(one) for one in value.split(",")]
            except ValueError:
                return False
        return bool(super().lookup_allowed(lookup, value, request))

    @admin.display(description=_("change"))
    def change(self, entry: AuditEntry) -> str:
        """What changed into what, on one line."""
        before, after = entry.before or {}, entry.after or {}
        if before and after:
            text = "; ".join(f"{key}: {before.get(key)} → {after[key]}" for key in after)
        else:
            state = before or after
            text = orjson.dumps(state).decode() if state else "–"
        return text if len(text) <= 120 else f"{text[:119]}…"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody writes history."""
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: AuditEntry | None = None,  # noqa: ARG002
    ) -> bool:
        """Nobody changes history."""
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: AuditEntry | None = None,  # noqa: ARG002
    ) -> bool:
        """Nobody deletes history."""
        return False
