"""Escalation policies with a sentence for each step, and what ran of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline

from apps.alerts.admin.base import (
    SEVERITY_LABELS,
    STATE_LABELS,
    KnownChoices,
    ReadOnlyAdmin,
    ReadOnlyInline,
    column,
)
from apps.alerts.admin.weekdays_field import WeekdaysField
from apps.alerts.clock import db_now
from apps.alerts.models import (
    Escalation,
    EscalationMember,
    EscalationPolicy,
    EscalationStep,
    PolicyFault,
)
from apps.alerts.services import policies
from apps.core.errors import InvalidInputError

_RUN_LABELS = {
    **STATE_LABELS, "running": "danger", "acknowledged": "info", "ended": "info",
    "exhausted": "warning",
}  # fmt: skip


if TYPE_CHECKING:
    _StepForm = forms.ModelForm[EscalationStep]
else:
    _StepForm = forms.ModelForm


class _StepFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """Checks the steps as a whole, in the order they will be taken."""

    def clean(self) -> None:
        """Refuse steps that cannot do what they say."""
        super().clean()
        if any(self.errors):
            return
        kept = [
            form.instance
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        try:
            policies.check(sorted(kept, key=lambda step: step.position))
        except InvalidInputError as error:
            raise forms.ValidationError(str(error.words)) from error


class StepForm(KnownChoices, _StepForm):
    """Days to tick."""

    weekdays = WeekdaysField(help_text=_("None: every day."))

    class Meta:
        model = EscalationStep
        fields = "__all__"


class StepInline(StackedInline):  # type: ignore[misc]
    model = EscalationStep
    formset = _StepFormSet
    extra = 0
    verbose_name_plural = _("Steps")
    autocomplete_fields = ("person", "team", "schedule", "channel")
    ordering = ("position", "pk")
    form = StepForm
    # One field a line: the script hides those of other kinds one by one.
    fields = (
        "position", "kind", "person", "team", "schedule", "channel", "wait_s", "more_than",
        "within_s", "repeats", "weekdays", "from_time", "until_time", "zone",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[EscalationStep]:
        """With what each names."""
        rows: QuerySet[EscalationStep] = super().get_queryset(request)
        return rows.select_related(*self.autocomplete_fields)


def _shared(policy: EscalationPolicy | None) -> bool:
    return policy is None or policy.owner_id is None


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    """Whom to page, one level after another."""

    why_empty = _("A policy pages one after another until somebody takes the alert.")
    list_display = ("name", "in_words", "catch_all")
    search_fields = ("name",)
    autocomplete_fields = ("catch_all",)
    list_select_related = ("catch_all",)
    readonly_fields = ("would_page",)
    fields = ("name", "summary", "catch_all", "would_page")
    inlines = (StepInline,)

    class Media:
        js = ("js/steps.js",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the steps and what they name, so that no row asks for its own."""
        names = ("person", "team", "schedule", "channel")
        return super().get_queryset(request).prefetch_related(*(f"steps__{name}" for name in names))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What a rule brought along is changed with that rule."""
        return _shared(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And goes with it."""
        return _shared(obj) and super().has_delete_permission(request, obj)

    @column(description=_("Steps"))
    def in_words(self, policy: EscalationPolicy) -> str:
        """The steps as sentences."""
        return " ".join(f"{n}. {step}" for n, step in enumerate(policy.steps.all(), 1))

    @column(description=_("Who would be paged now"))
    def would_page(self, policy: EscalationPolicy) -> str | SafeString:
        """Each step with whom it reaches for a critical alert at this moment."""
        if not policy.pk:
            return gettext("Shown once the policy is saved.")
        # The skin asks five times for what it draws once.
        if "_would_page" not in vars(policy):
            found = policies.preview(policy, "critical", db_now())
            rows = [(words, ", ".join(one.names) or one.nobody or "–") for words, one in found]
            vars(policy)["_would_page"] = format_html_join("", "<div>{} <b>{}</b></div>", rows)
        shown: SafeString = vars(policy)["_would_page"]
        return shown


class MemberInline(ReadOnlyInline):
    model = EscalationMember
    verbose_name_plural = _("Alerts")
    fields = readonly_fields = ("episode", "state", "since")


@admin.register(Escalation)
class EscalationAdmin(ReadOnlyAdmin):
    """Policies at work, newest first."""

    why_empty = _(
        "No policy has paged anybody yet. Receivers and rules start the policy they name."
    )
    list_display = (
        "policy_name", "severity_shown", "state_shown", "step", "repeat_no", "next_at",
        "started_at", "ended_at",
    )  # fmt: skip
    list_filter = ("state", "severity")
    search_fields = ("policy_name",)
    inlines = (MemberInline,)
    fields = (
        "policy_name", "severity", "state", "plan_in_words", "step", "repeat_no",
        "next_at", "paused_since", "paused_by", "started_at", "ended_at",
    )  # fmt: skip
    readonly_fields = fields

    @column(description=_("Severity"), label=SEVERITY_LABELS, ordering="severity")
    def severity_shown(self, row: Escalation) -> tuple[str, str]:
        """A coloured badge."""
        return row.severity, row.get_severity_display()

    @column(description=_("State"), label=_RUN_LABELS, ordering="state")
    def state_shown(self, row: Escalation) -> tuple[str, str]:
        """A coloured badge."""
        return row.state, row.get_state_display()

    @column(description=_("Plan, as it was at the start"))
    def plan_in_words(self, row: Escalation) -> SafeString:
        """The steps as sentences, the one that is next marked."""
        lines: Sequence[tuple[str, int, str]] = [
            ("→ " if number == row.step and row.next_at else "", number + 1, words)
            for number, words in enumerate(policies.in_words(row.plan))
        ]
        return format_html_join("", "<div>{}{}. {}</div>", lines)


@admin.register(PolicyFault)
class PolicyFaultAdmin(ReadOnlyAdmin):
    """Steps that reached nobody."""

    why_empty = _("Every step of every policy reached somebody.")
    list_display = ("policy_name", "reason", "since", "ended_at")
    fields = readonly_fields = ("policy_name", "reason", "episode", "since", "ended_at")
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
