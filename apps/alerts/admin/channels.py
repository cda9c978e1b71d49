"""Channels: where messages go, with targets that are written but never read back."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.alerts.models import Channel
from apps.alerts.services import channels
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    _ChannelForm = forms.ModelForm[Channel]
else:
    _ChannelForm = forms.ModelForm


class ChannelForm(_ChannelForm):
    """The target is typed in and sealed; an existing one is shown only masked."""

    new_target = forms.CharField(
        label=_("URL or address"),
        max_length=2000,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted and never shown again. Empty: as it is."),
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "enabled")

    def clean(self) -> dict[str, Any]:
        """Seal the target, so that a refused one is told beside its field."""
        data = super().clean() or {}
        target, kind = data.get("new_target", ""), data.get("kind")
        moved = self.instance.pk and kind != self.initial.get("kind")
        if not target:
            if not self.instance.pk or moved:
                self.add_error("new_target", _("Enter where messages go."))
            return data
        if kind:
            self._seal(kind, target)
        return data

    def _seal(self, kind: str, target: str) -> None:
        self.instance.kind = kind
        try:
            channels.set_target(self.instance, target)
        except InvalidInputError as error:
            self.add_error("new_target", str(error.words))
            return
        same = Channel.objects.filter(kind=kind, target_hash=self.instance.target_hash)
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("new_target", _("There is a channel for this target already."))


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):  # type: ignore[misc]
    """Receivers."""

    form = ChannelForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("name", "kind", "hint", "enabled", "created_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "hint")
    fields = ("name", "kind", "hint", "new_target", "enabled")
    readonly_fields = ("hint",)
    actions = ("send_test", "new_secret")

    def save_model(
        self,
        request: HttpRequest,
        obj: Channel,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        """A new webhook's signing secret is shown this once."""
        if not obj.sealed_secret:
            secret = channels.set_secret(obj)
            if obj.kind == "webhook":
                self._show(request, obj, secret)
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
        for channel in queryset.filter(kind="webhook"):
            secret = channels.set_secret(channel)
            with transaction.atomic():
                channel.save(update_fields=["sealed_secret"])
            self._show(request, channel, secret)

    def _show(self, request: HttpRequest, channel: Channel, secret: str) -> None:
        text = _("Signing secret of %(name)s, shown only now: %(secret)s")
        self.message_user(
            request, text % {"name": channel.name, "secret": secret}, messages.WARNING
        )
