"""The rule editor."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from apps.alerts.admin import ruletry
from apps.alerts.admin.base import ReadOnlyInline, column
from apps.alerts.admin.ruleform import RuleForm, config_fields
from apps.alerts.evaluation.conditions import CONDITIONS
from apps.alerts.models import Rule, RuleVersion
from apps.alerts.services import rules

_BEFORE = "_pharos_rule_before"


def _plain(threshold: float | None) -> str:
    """A threshold without a needless decimal point: 5,000,000,000, 0.9."""
    if threshold is None:
        return ""
    return f"{threshold:,.0f}" if threshold == round(threshold) else f"{threshold:,.6g}"


class RuleVersionInline(ReadOnlyInline):
    model = RuleVersion
    verbose_name_plural = _("Changes")
    fields = readonly_fields = ("version", "at", "actor", "changed")

    @column(description=_("Changed"))
    def changed(self, row: RuleVersion) -> str:
        """The fields this change touched, with their new values."""
        before, after = row.before or {}, row.after or {}
        if not before:
            return str(_("created"))
        pairs = [f"{k}: {before.get(k)} → {after[k]}" for k in after if after[k] != before.get(k)]
        return "; ".join(pairs)


@admin.register(Rule)
class RuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Rules: what is judged, how, and who is told."""

    why_empty = _("Without rules nothing is judged.")
    form = RuleForm
    show_full_result_count = False
    list_per_page = 50
    list_display = (
        "name",
        "condition_shown",
        "metric",
        "thresholds_shown",
        "for_s",
        "health",
        "enabled",
    )
    list_filter = ("enabled", "condition", "direction")
    search_fields = ("name", "metric")
    autocomplete_fields = ("channels",)
    inlines = (RuleVersionInline,)
    readonly_fields = (
        "version", "health_in_words", "last_tick", "no_data_since", "last_error", "note",
    )  # fmt: skip
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "summary", "message", "runbook", "enabled")}),
        (
            _("Condition"),
            {"fields": ("condition", *(n for names in config_fields().values() for n in names))},
        ),
        (
            _("What is measured"),
            {"fields": ("metric", "aggregation", "scope", "by", "window_s", "min_samples")},
        ),
        (_("Ratio"), {"fields": ("numerator_scope", "remainder_scope"), "classes": ("collapse",)}),
        (
            _("When it fires"),
            {
                "fields": (
                    "direction", "warning", "clear_warning", "warning_inclusive", "critical",
                    "clear_critical", "critical_inclusive", "for_s", "keep_firing_for_s",
                    "interval_s", "no_data",
                )
            },
        ),
        (_("Who is told"), {"fields": ("channels", "policy", "opens_incident")}),
        (
            _("State"),
            {
                "fields": (
                    "version", "health_in_words", "last_tick", "no_data_since", "last_error",
                    "note",
                )
            },
        ),
    )  # fmt: skip

    @column(description=_("Condition"))
    def condition_shown(self, rule: Rule) -> Any:
        """The kind in words."""
        kind = CONDITIONS.get(rule.condition)
        return kind.label if kind else rule.condition

    @column(description=_("Thresholds"))
    def thresholds_shown(self, rule: Rule) -> str:
        """Both thresholds with their sign."""
        sign = ">" if rule.direction == "above" else "<"
        strict = "≥" if sign == ">" else "≤"
        critical = f"{strict if rule.critical_inclusive else sign}\u00a0{_plain(rule.critical)}"
        warning = f"{strict if rule.warning_inclusive else sign}\u00a0{_plain(rule.warning)}"
        parts = [
            warning if rule.warning is not None else "",
            critical if rule.critical is not None else "",
        ]
        return " / ".join(part for part in parts if part)

    @column(
        description=_("Health"),
        label={"ok": "success", "unhealthy": "danger", "no data": "warning", "failing": "warning"},
    )
    def health(self, rule: Rule) -> tuple[str, Any]:
        """Whether the rule can be judged at all."""
        if rule.unhealthy_since:
            return "unhealthy", _("cannot be judged")
        if rule.errors_in_row:
            return "failing", _("failing")
        if rule.no_data_since:
            return "no data", _("no data")
        return "ok", _("healthy")

    @column(description=_("Health"))
    def health_in_words(self, rule: Rule) -> str:
        """The same where no badge is drawn."""
        return str(self.health(rule)[1])

    def get_urls(self) -> list[Any]:
        """The preview of the editor, besides the usual pages."""
        preview = self.admin_site.admin_view(lambda request: ruletry.answer(self, request))
        return [path("try/", preview, name="alerts_rule_try"), *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """With what the editor's script needs to know of the kinds."""
        kinds = {
            kind: {
                "fields": config_fields().get(kind, []),
                "unused": list(condition.unused),
            }
            for kind, condition in CONDITIONS.items()
        }
        more = {
            **(extra_context or {}),
            "rule_kinds": json.dumps(kinds),
            "rule_panel": {"key": "preview", "title": _("What it would have done"), "unit": ""},
        }
        return super().changeform_view(request, object_id, form_url, more)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a link fills in; a scope comes as JSON text."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        try:
            scope = json.loads(initial.get("scope", "{}"))
        except ValueError:
            scope = {}
        return {**initial, "scope": scope}

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Also remember what the form was opened on, for the audit."""
        rule = super().get_object(request, object_id, from_field)
        if rule is not None and request.method == "POST":
            setattr(request, _BEFORE, rules.snapshot(rule))
        return rule

    def save_model(self, request: Any, obj: Rule, form: Any, change: Any) -> None:  # noqa: ARG002
        """Store what people decide; the channels follow in save_related."""
        rules.store(obj)

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        """Store the channels, then audit the whole change."""
        super().save_related(request, form, formsets, change)
        before = getattr(request, _BEFORE, None) if change else None
        rules.audit(form.instance, request.user.get_username(), before)

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        """Delete by the service, so that history and receivers learn of it."""
        rules.delete(obj, request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """The same for many."""
        for rule in queryset:
            rules.delete(rule, request.user.get_username())

    @admin.action(description=_("Switch on"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """Judge these rules again from now on."""
        self._switch(request, queryset, on=True)

    @admin.action(description=_("Switch off, ending what is open"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """Stop judging these rules."""
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Rule], *, on: bool) -> None:
        done = rules.switch(queryset, request.user.get_username(), on=on)
        text = ngettext("%(n)d rule changed.", "%(n)d rules changed.", done) % {"n": done}
        self.message_user(request, text, messages.SUCCESS)
