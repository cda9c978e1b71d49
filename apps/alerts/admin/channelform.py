"""The form of a channel: common fields, and those of each kind of channel there is."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.alerts.delivery import NOTIFIERS, Setting
from apps.alerts.models import Channel
from apps.alerts.services import channels, ladder
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Channel]
else:
    _ModelForm = forms.ModelForm
_KEPT: Final = _("Kept encrypted and never shown again. Empty: as it is.")


def field_name(kind: str, setting: Setting) -> str:
    """The form field of a kind's setting."""
    return f"{kind}_{setting.name}"


class PairsField(forms.CharField):
    """A mapping, typed as lines of `name=value`."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """The lines of a mapping; what was typed as it was."""
        if isinstance(value, dict):
            return "\n".join(f"{name}={text}" for name, text in value.items())
        return value

    def clean(self, value: Any) -> Any:
        """The mapping. Raises ValidationError."""
        pairs = {}
        for line in str(super().clean(value)).splitlines():
            name, sign, text = line.partition("=")
            if not line.strip():
                continue
            if not sign or not name.strip():
                raise forms.ValidationError(_("Write one name=value on each line."))
            pairs[name.strip()] = text.strip()
        return pairs


class ChannelForm(_ModelForm):
    """Target and secrets are typed in and sealed; existing ones are never shown."""

    new_target = forms.CharField(
        label=_("URL or address"),
        max_length=2000,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_KEPT,
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "language", "fallback", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = self.instance.config or {}
        for kind, name, setting in _every_setting():
            if kind == self.instance.kind and not setting.secret:
                self.initial.setdefault(name, config.get(setting.name, setting.default))

    def clean(self) -> dict[str, Any]:
        """Seal target and secrets, so that a refused one is told beside its field."""
        data = super().clean() or {}
        target, kind = data.get("new_target", ""), data.get("kind")
        moved = self.instance.pk and kind != self.initial.get("kind")
        if not target and (not self.instance.pk or moved):
            self.add_error("new_target", _("Enter where messages go."))
        elif kind:
            self._fill(kind, target, data, moved=bool(moved))
        return data

    def clean_fallback(self) -> Channel | None:
        """Not in a ring."""
        fallback: Channel | None = self.cleaned_data.get("fallback")
        if self.instance.pk:
            try:
                ladder.check(self.instance, fallback)
            except InvalidInputError as error:
                raise forms.ValidationError(str(error.words)) from None
        return fallback

    def _fill(self, kind: str, target: str, data: dict[str, Any], *, moved: bool) -> None:
        self.instance.kind = kind
        if moved:
            # The secrets of another kind mean nothing to this one.
            self.instance.sealed_secret = ""
        field = "new_target"
        try:
            if target:
                channels.set_target(self.instance, target)
                self._refuse_double(kind)
            field = ""
            config, secrets = _typed(kind, data)
            channels.configure(self.instance, config, secrets, target_typed=bool(target))
        except InvalidInputError as error:
            named = f"{kind}_{error.details.get('field', '')}"
            self.add_error(field or (named if named in self.fields else None), str(error.words))

    def _refuse_double(self, kind: str) -> None:
        same = Channel.objects.filter(kind=kind, target_hash=self.instance.target_hash)
        if same.exclude(pk=self.instance.pk).exists():
            raise InvalidInputError(_("There is a channel for this target already."))


def _typed(kind: str, data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    config, secrets = {}, {}
    for setting in NOTIFIERS[kind].settings:
        value = data.get(field_name(kind, setting))
        if setting.secret:
            secrets[setting.name] = value or ""
        else:
            config[setting.name] = value
    return config, secrets


def _every_setting() -> list[tuple[str, str, Setting]]:
    return [
        (kind, field_name(kind, setting), setting)
        for kind, notifier in sorted(NOTIFIERS.items())
        for setting in notifier.settings
    ]


def _form_field(setting: Setting) -> forms.Field:
    # Never required by the form: the fields of all other kinds stay empty.
    common: dict[str, Any] = {
        "label": setting.label, "help_text": setting.help_text, "required": False,
    }  # fmt: skip
    if setting.secret:
        common["help_text"] = format_lazy("{} {}", setting.help_text, _KEPT)
        if not setting.help_text:
            common["help_text"] = _KEPT
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        return forms.CharField(widget=widget, max_length=4000, **common)
    if setting.shape == "flag":
        return forms.BooleanField(
            widget=UnfoldBooleanSwitchWidget(), initial=setting.default, **common
        )
    if setting.shape == "choice":
        return forms.ChoiceField(
            widget=UnfoldAdminSelectWidget(), choices=setting.choices, initial=setting.default,
            **common,
        )  # fmt: skip
    if setting.shape == "pairs":
        return PairsField(**common)
    return forms.CharField(
        widget=UnfoldAdminTextInputWidget(), initial=setting.default, max_length=2000, **common
    )


for _kind, _name, _setting in _every_setting():
    ChannelForm.base_fields[_name] = _form_field(_setting)
    ChannelForm.declared_fields[_name] = ChannelForm.base_fields[_name]
