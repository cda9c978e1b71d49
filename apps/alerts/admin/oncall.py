"""On-call schedules, proved when they are saved; teams and contact methods."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.alerts.admin.base import SoundJSONField, column
from apps.alerts.clock import db_now
from apps.alerts.models import ContactMethod, Layer, LayerMember, Override, Schedule, Team
from apps.alerts.oncall.roster import roster
from apps.alerts.services import schedules

if TYPE_CHECKING:
    _LayerForm = forms.ModelForm[Layer]
else:
    _LayerForm = forms.ModelForm


class LayerForm(_LayerForm):
    """A layer with its people in their order, as user names."""

    people = forms.CharField(
        label=_("people in turn"),
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("User names with commas between them, in the order of their turns."),
    )

    class Meta:
        model = Layer
        exclude = ("schedule",)
        field_classes = {"windows": SoundJSONField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            places = self.instance.places.all()
            self.fields["people"].initial = ", ".join(one.person.username for one in places)

    def clean_people(self) -> list[User]:
        """The people, each of whom has to exist and be able to sign in."""
        names = [name.strip() for name in self.cleaned_data["people"].split(",") if name.strip()]
        known = {one.username: one for one in User.objects.filter(username__in=names)}
        for name in names:
            if name not in known:
                raise forms.ValidationError(gettext("There is no user %(name)s.") % {"name": name})
            if not known[name].is_active:
                raise forms.ValidationError(
                    gettext("The account of %(name)s is closed.") % {"name": name}
                )
        if not names:
            raise forms.ValidationError(gettext("A rotation needs somebody in it."))
        return [known[name] for name in names]


class _LayerFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """Proves the schedule as it would be."""

    judged: schedules.Judged | None = None

    def clean(self) -> None:
        """Refuse gaps and two people at once, with the exact time."""
        super().clean()
        if any(self.errors) or self.instance is None or not self.instance.zone:
            return
        kept = [
            (form.instance, [person.pk for person in form.cleaned_data["people"]])
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        try:
            self.judged = schedules.judge(self.instance, kept)
        except (ValueError, KeyError):
            return  # the schedule's own form says what is wrong with its zone or country
        if self.judged.refused:
            raise forms.ValidationError(self.judged.refused)

    def save_new(self, form: Any, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 (Django's)
        """The layer, then its people."""
        layer = super().save_new(form, commit=commit)
        _place(layer, form.cleaned_data["people"])
        return layer

    def save_existing(self, form: Any, obj: Any, commit: bool = True) -> Any:  # noqa: FBT001, FBT002
        """The same for one that is there."""
        layer = super().save_existing(form, obj, commit=commit)
        _place(layer, form.cleaned_data["people"])
        return layer


def _place(layer: Layer, people: list[User]) -> None:
    before = [place.person_id for place in layer.places.all()]
    if before == [person.pk for person in people]:
        return
    layer.places.all().delete()
    for position, person in enumerate(people):
        # One by one: each leaves its entry in the audit trail.
        LayerMember.objects.create(layer=layer, person=person, position=position)


class LayerInline(StackedInline):  # type: ignore[misc]
    model = Layer
    form = LayerForm
    formset = _LayerFormSet
    extra = 0
    verbose_name_plural = _("Layers")
    fields = (
        ("name", "priority"), "people", ("starts_on", "handoff"), ("every", "unit"),
        ("zone", "ends_on"), ("windows", "on_holidays"),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Layer]:
        """With the people of all rows at once."""
        rows: QuerySet[Layer] = super().get_queryset(request)
        return rows.prefetch_related("places__person")


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):  # type: ignore[misc]
    """On-call schedules."""

    why_empty = _("A schedule says who is on call when; policies page whoever has the duty.")
    list_display = ("name", "zone", "now_on_call", "country", "gaps_allowed")
    search_fields = ("name",)
    inlines = (LayerInline,)
    fields = ("name", "summary", "zone", "country", "gaps_allowed")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Also remember who is on call, for the whole list at once."""
        self._on_call: dict[int, str] | None = None
        return super().get_queryset(request)

    @column(description=_("On call now"))
    def now_on_call(self, schedule: Schedule) -> str:
        """Who has the duty."""
        if self._on_call is None:
            self._on_call = {
                one.schedule.pk: one.person.get_username() if one.person else gettext("nobody")
                for one in roster(db_now())
            }
        return self._on_call.get(schedule.pk, "")

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Also say what is odd and was accepted."""
        super().save_formset(request, form, formset, change)
        judged = getattr(formset, "judged", None)
        for warning in judged.warnings if judged else ():
            self.message_user(request, warning, messages.WARNING)


@admin.register(Override)
class OverrideAdmin(ModelAdmin):  # type: ignore[misc]
    """Overrides of schedules."""

    why_empty = _("Nobody stands in for anybody.")
    list_display = ("schedule", "person", "starts_at", "ends_at", "note", "made_by")
    list_filter = ("schedule",)
    list_select_related = ("schedule", "person")
    autocomplete_fields = ("schedule", "person")
    fields = ("schedule", "person", "starts_at", "ends_at", "note")

    def save_model(self, request: Any, obj: Override, form: Any, change: Any) -> None:
        """Note who made it."""
        if not change:
            obj.made_by = request.user.get_username()
        super().save_model(request, obj, form, change)


@admin.register(Team)
class TeamAdmin(ModelAdmin):  # type: ignore[misc]
    """People who are paged together."""

    why_empty = _("People who are paged together.")
    list_display = ("name", "people", "channel")
    search_fields = ("name",)
    autocomplete_fields = ("members", "channel")
    list_select_related = ("channel",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the members of all rows at once."""
        return super().get_queryset(request).prefetch_related("members")

    @column(description=_("Members"))
    def people(self, team: Team) -> str:
        """User names."""
        return ", ".join(sorted(one.get_username() for one in team.members.all()))


@admin.register(ContactMethod)
class ContactMethodAdmin(ModelAdmin):  # type: ignore[misc]
    """How people are reached."""

    why_empty = _("No policy can page a person before it is known how to reach them.")
    list_display = (
        "person", "channel", "position", "min_severity", "quiet_from", "quiet_until", "enabled",
    )  # fmt: skip
    list_filter = ("min_severity", "enabled")
    search_fields = ("person__username", "channel__name")
    list_select_related = ("person", "channel")
    autocomplete_fields = ("person", "channel")
