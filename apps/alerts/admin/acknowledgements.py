"""Who has taken what."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.alerts.admin.base import ReadOnlyAdmin
from apps.alerts.models import Acknowledgement
from apps.alerts.services import acknowledgements


@admin.register(Acknowledgement)
class AcknowledgementAdmin(ReadOnlyAdmin):
    """Acknowledgements, newest first."""

    why_empty = _("Nobody has taken an alert yet; alerts are taken on the board.")
    list_display = ("episode", "by", "at", "until", "ended_at", "end_reason", "ended_by")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "end_reason")
    list_select_related = ("episode",)
    search_fields = ("by", "episode__rule_name")
    fields = readonly_fields = (
        "episode", "by", "at", "severity", "note", "until", "ended_at", "ended_by", "end_reason",
    )  # fmt: skip
    actions = ("let_go",)

    def has_let_go_permission(self, request: HttpRequest) -> bool:
        """To let go is a change, though the row is history."""
        return request.user.has_perm("alerts.change_acknowledgement")

    @admin.action(description=_("Let go: page again"), permissions=["let_go"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Acknowledgement]) -> None:
        """The episodes page again, from the first step."""
        pks = list(queryset.filter(ended_at=None).values_list("episode_id", flat=True))
        done = acknowledgements.unacknowledge(pks, request.user.get_username())
        text = ngettext("%(n)d episode pages again.", "%(n)d episodes page again.", done)
        self.message_user(request, text % {"n": done})
