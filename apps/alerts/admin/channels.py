"""Channels: where messages go, with targets that are written but never read back."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from apps.alerts.admin.base import column
from apps.alerts.admin.channelform import ChannelForm, field_name
from apps.alerts.delivery import NOTIFIERS, notifier_for
from apps.alerts.models import Channel
from apps.alerts.services import channels


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):  # type: ignore[misc]
    """Receivers."""

    why_empty = _("Nobody can be told of an alert.")
    form = ChannelForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("name", "kind", "hint", "health", "fallback", "language", "enabled")
    list_select_related = ("fallback",)
    list_filter = ("kind", "enabled")
    search_fields = ("name", "hint")
    readonly_fields = ("hint", "health_in_words")
    actions = ("send_test", "new_secret")

    class Media:
        js = ("js/channelform.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:  # noqa: ARG002
        """What every channel has, then one group of fields for each kind that asks for more."""
        common = (
            "name", "kind", "hint", "new_target", "language", "fallback", "enabled",
            "health_in_words",
        )  # fmt: skip
        groups = [
            (notifier.label, {"fields": names, "classes": [f"kind-{kind}"]})
            for kind, notifier in sorted(NOTIFIERS.items())
            if (names := [field_name(kind, one) for one in notifier.settings])
        ]
        return [(None, {"fields": common}), *groups]

    @column(description=_("Health"), label={"ok": "success", "failing": "danger", "new": "info"})
    def health(self, row: Channel) -> tuple[str, Any]:
        """Whether it takes what is sent there."""
        if row.failing_since is not None:
            since = date_format(row.failing_since, "SHORT_DATETIME_FORMAT")
            return "failing", _("failing since %(at)s") % {"at": since}
        if row.last_ok_at is None:
            return "new", _("nothing sent yet")
        last = date_format(row.last_ok_at, "SHORT_DATETIME_FORMAT")
        return "ok", _("delivered %(at)s") % {"at": last}

    @column(description=_("Health"))
    def health_in_words(self, row: Channel) -> str:
        """The same where no badge is drawn."""
        return str(self.health(row)[1])

    def save_model(
        self,
        request: HttpRequest,
        obj: Channel,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        """A new webhook's signing secret is shown this once."""
        if not obj.sealed_secret and notifier_for(obj.kind).signs:
            self._show(request, obj, channels.set_secret(obj))
        super().save_model(request, obj, form, change)

    @admin.action(description=_("Send a test message"), permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Send one message to each by the ordinary path."""
        sent = [channels.send_test(channel) for channel in queryset]
        text = ngettext(
            "%(n)d test message is on its way; the notification log shows what became of it.",
            "%(n)d test messages are on their way; the notification log shows what became of them.",
            len(sent),
        )
        self.message_user(request, text % {"n": len(sent)}, messages.SUCCESS)

    @admin.action(description=_("Make a new signing secret"), permissions=["change"])
    def new_secret(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Replace the secret; shown this once."""
        for channel in queryset.filter(kind__in=_signing()):
            secret = channels.set_secret(channel)
            with transaction.atomic():
                channel.save(update_fields=["sealed_secret"])
            self._show(request, channel, secret)

    def _show(self, request: HttpRequest, channel: Channel, secret: str) -> None:
        text = _("Signing secret of %(name)s, shown only now: %(secret)s")
        self.message_user(
            request, text % {"name": channel.name, "secret": secret}, messages.WARNING
        )


def _signing() -> list[str]:
    return [kind for kind, notifier in NOTIFIERS.items() if notifier.signs]
