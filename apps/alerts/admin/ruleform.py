"""The form of a rule: one field for each setting of each kind of condition."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.alerts.admin.base import SoundJSONField
from apps.alerts.evaluation.conditions import CONDITIONS, ConfigError, Setting
from apps.alerts.models import EscalationPolicy, Rule

if TYPE_CHECKING:
    _Form = forms.ModelForm[Rule]
else:
    _Form = forms.ModelForm
_USUAL = "threshold"


def field_name(kind: str, setting: str) -> str:
    """The form's name of a kind's setting."""
    return f"config_{kind}_{setting}"


def config_fields() -> dict[str, list[str]]:
    """The fields of every kind that has any."""
    return {
        kind: [field_name(kind, name) for name in condition.settings()]
        for kind, condition in CONDITIONS.items()
        if condition.settings()
    }


def _made(kind: str, name: str) -> forms.Field:
    condition = CONDITIONS[kind]
    setting, default = condition.settings()[name], getattr(condition(), name)
    # Without a script all kinds are shown one below the other: each says whose it is.
    label = format_lazy("{}: {}", condition.label, setting.label)
    shown: dict[str, Any] = {
        "label": label, "required": False, "initial": default, "help_text": setting.help,
    }  # fmt: skip
    if setting.choices:
        return forms.ChoiceField(choices=setting.choices, widget=UnfoldAdminSelectWidget, **shown)
    if isinstance(default, bool):
        return forms.BooleanField(widget=UnfoldBooleanWidget, **shown)
    if isinstance(default, int | float):
        return _number(setting, default, shown)
    return forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget, **shown)


def _number(setting: Setting, default: float, shown: dict[str, Any]) -> forms.Field:
    bounds: dict[str, Any] = {"min_value": setting.least, "max_value": setting.most}
    if isinstance(default, int):
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **bounds, **shown)
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    return forms.FloatField(widget=widget, **bounds, **shown)


class RuleForm(_Form):
    """A rule; the settings of its condition are fields of their own and become `config`."""

    condition = forms.ChoiceField(
        label=_("Condition"), required=False, initial=_USUAL, widget=UnfoldAdminSelectWidget,
        choices=lambda: [(kind, condition.label) for kind, condition in CONDITIONS.items()],
    )  # fmt: skip

    class Meta:
        model = Rule
        exclude = ("config",)
        field_classes = dict.fromkeys(
            ("scope", "numerator_scope", "remainder_scope"), SoundJSONField
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "metric" in self.fields:  # not for those who may only look
            self.fields["metric"].required = False
            self.fields["metric"].widget.attrs.update(
                {"list": "rule-metrics", "autocomplete": "off"}
            )
        if "policy" in self.fields:
            # What another rule brought along is that rule's alone.
            usable = Q(owner=None) | Q(owner=self.instance.pk)
            self.fields["policy"].queryset = EscalationPolicy.objects.filter(usable)  # type: ignore[attr-defined]
        for name in {"summary", "message"} & set(self.fields):
            self.fields[name].widget.attrs["rows"] = 2
        of_kind = CONDITIONS.get(self.instance.condition)
        for name, value in self.instance.config.items() if of_kind else ():
            self.initial[field_name(self.instance.condition, name)] = value

    def clean_condition(self) -> str:
        """A threshold unless the form says otherwise."""
        return self.cleaned_data.get("condition") or _USUAL

    def clean(self) -> dict[str, Any] | None:
        """Take the settings of the chosen kind together."""
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("condition")
        if kind not in CONDITIONS:
            return cleaned
        if not CONDITIONS[kind].stands_for and not cleaned.get("metric"):
            self.add_error("metric", _("Say which metric is judged."))
        given = {name: cleaned.get(field_name(kind, name)) for name in CONDITIONS[kind].settings()}
        try:
            parsed = CONDITIONS[kind].parse({k: v for k, v in given.items() if v is not None})
        except ConfigError as error:
            self.add_error(field_name(kind, error.field), str(error))
        else:
            self.instance.config = parsed.config()
        return cleaned

    def validate_constraints(self) -> None:
        """The constraints say the same as `clean`, in words nobody reads."""
        if not self.errors:
            super().validate_constraints()

    def _update_errors(self, errors: ValidationError) -> None:
        """What the rule refuses and no field shows is told at the top; a setting, at its field."""
        if hasattr(errors, "error_dict"):
            moved: dict[str, list[Any]] = {}
            for name, found in errors.error_dict.items():
                moved.setdefault(name if name in self.fields else NON_FIELD_ERRORS, []).extend(
                    found
                )
            errors = ValidationError(moved)
        super()._update_errors(errors)  # type: ignore[misc]


def _add_settings() -> None:
    for kind, condition in CONDITIONS.items():
        for name in condition.settings():
            made = _made(kind, name)
            # Forms made from this one take what is declared.
            RuleForm.declared_fields[field_name(kind, name)] = made
            RuleForm.base_fields[field_name(kind, name)] = made


_add_settings()
