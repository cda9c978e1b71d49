"""Silences, with what they would mute told beforehand."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from apps.alerts.admin.base import column
from apps.alerts.admin.matcher_field import MatchersField, texts
from apps.alerts.clock import db_now
from apps.alerts.matchers import Matcher
from apps.alerts.models import Episode, Silence, SilenceState
from apps.alerts.services import silences
from apps.core.errors import InvalidInputError, PortalError

_STATE_LABELS = {"pending": "info", "active": "warning", "expired": "success"}

if TYPE_CHECKING:
    _SilenceForm = forms.ModelForm[Silence]
else:
    _SilenceForm = forms.ModelForm


class SilenceForm(_SilenceForm):
    """What the service refuses is told beside its field."""

    stored_matchers = MatchersField()

    class Meta:
        model = Silence
        fields = ("stored_matchers", "starts_at", "ends_at", "comment")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # One that is over is only shown, without any field.
        if "starts_at" in self.fields:
            self.fields["starts_at"].required = False
            self.fields["starts_at"].help_text = _("Empty: now.")

    def clean(self) -> dict[str, Any]:
        """Ask the service before anything is stored."""
        data = super().clean() or {}
        if self.errors:
            return data
        before = self.instance.pk and Silence.objects.filter(pk=self.instance.pk).first()
        try:
            silences.validated(self.wish(data), before or None)
        except InvalidInputError as error:
            for name, problems in error.details.items():
                self.add_error("stored_matchers" if name == "matchers" else name, problems)
        return data

    def _post_clean(self) -> None:
        """The service stores; the instance is left as it was opened."""

    def wish(self, data: dict[str, Any]) -> silences.Wish:
        """The silence asked for."""
        return silences.Wish(
            texts(data["stored_matchers"]), data["ends_at"], data["comment"], data.get("starts_at")
        )


class StateFilter(admin.SimpleListFilter):
    """By the clock."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The three states."""
        return list(SilenceState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Silences of one of them."""
        value = self.value()
        if value not in SilenceState.values:
            return queryset
        return queryset.filter(pk__in=silences.in_state([value]).order_by().values("pk"))


@admin.register(Silence)
class SilenceAdmin(ModelAdmin):  # type: ignore[misc]
    """Alerts nobody is to hear of for a while. Nothing is deleted: what was silenced is history."""

    why_empty = _("Nothing is silenced.")
    form = SilenceForm
    show_full_result_count = False
    list_per_page = 50
    list_display = ("shown", "state_shown", "starts_at", "ends_at", "created_by", "comment_shown")
    list_filter = (StateFilter,)
    search_fields = ("comment", "created_by")
    actions = ("end_now",)
    change_form_before_template = "alerts/silence_preview.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Silence]:
        """With the database's time, asked once for the list."""
        rows: QuerySet[Silence] = super().get_queryset(request)
        return rows.annotate(now=Now())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who made it is told once it is made."""
        shown = obj is not None and not self.has_change_permission(request, obj)
        fields = ("shown" if shown else "stored_matchers", "starts_at", "ends_at", "comment")
        return (*fields, "created_by", "created_at", "ended_by", "replaces") if obj else fields

    readonly_fields = ("shown", "created_by", "created_at", "ended_by", "replaces")

    @column(description=_("Matchers"))
    def shown(self, row: Silence) -> str:
        """As typed."""
        return str(row)

    @column(description=_("State"), label=_STATE_LABELS)
    def state_shown(self, row: Any) -> tuple[str, Any]:
        """A coloured badge, by the database's clock."""
        state = cast(Silence, row).state_at(row.now)
        return state.value, state.label

    @column(description=_("Comment"))
    def comment_shown(self, row: Silence) -> str:
        """Its beginning."""
        return row.comment[:80]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """For one episode (`?episode=<id>`), or what a link fills in; an hour from now."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        initial.setdefault("ends_at", db_now() + timedelta(hours=1))
        episode = _episode(initial.pop("episode", ""))
        if episode is not None:
            initial["stored_matchers"] = "\n".join(silences.for_episode(episode))
        return initial

    def has_change_permission(self, request: HttpRequest, obj: Silence | None = None) -> bool:
        """What is over is history."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.state_at(db_now()) is not SilenceState.EXPIRED)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A silence ends; it is never deleted."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """By the service; then say what it mutes."""
        wish, by = form.wish(form.cleaned_data), request.user.get_username()
        try:
            made = silences.change(obj, wish, by) if change else silences.create(wish, by)
        except PortalError as error:
            self.message_user(request, error.words, messages.ERROR)
            return
        if change and made.pk != obj.pk:
            text = _("The silence was ended and another made, so that history stays as it was.")
            self.message_user(request, text, messages.WARNING)
        obj.__dict__.update({k: v for k, v in made.__dict__.items() if k != "_state"})
        obj._state.adding = False
        self._tell(request, made.matchers)

    @admin.action(description=_("End now"), permissions=["change"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[Silence]) -> None:
        """Let the alerts speak again."""
        over = [silences.expire(one, request.user.get_username()) for one in queryset]
        text = ngettext("%(n)d silence is over.", "%(n)d silences are over.", len(over))
        self.message_user(request, text % {"n": len(over)}, messages.SUCCESS)

    def _tell(self, request: HttpRequest, matchers: tuple[Matcher, ...]) -> None:
        seen = silences.preview(matchers)
        text = _("Mutes %(now)d open alerts; would have muted %(past)d in the last %(days)d days.")
        self.message_user(
            request, text % {"now": seen.now, "past": seen.past, "days": seen.days}, messages.INFO
        )


def _episode(pk: str) -> Episode | None:
    try:
        return Episode.objects.filter(pk=UUID(pk)).first()
    except ValueError:
        return None
