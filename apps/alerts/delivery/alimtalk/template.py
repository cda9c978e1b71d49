"""An approved template of AlimTalk: its text, and what each of its variables stands for.

The text was approved by Kakao and must come out letter by letter; only `#{variables}` change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Envelope
from apps.alerts.delivery.phone import words
from apps.alerts.delivery.phone.provider import Account, Field
from apps.core.errors import InvalidInputError

# A filled-in template holds at most so many letters.
LONGEST: Final = 1000
_VARIABLE: Final = re.compile(r"#\{([^{}]{1,60})\}")
# A value of one variable; Kakao refuses templates that are nothing but long variables.
_LONGEST_VALUE: Final = 200

FIELDS: Final = (
    Field("template_code", _("Template code")),
    Field("template", _("Template"), help=_("The approved text, with its #{variables}.")),
    Field(
        "variables", _("Variables"), required=False,
        help=_("One a line: name of the variable = what it stands for."),
    ),
    Field(
        "resend_from", _("Resend as SMS from"), required=False,
        help=_("A number registered with the provider: it then sends an SMS itself on failure."),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Filled:
    """A template with its variables filled in."""

    text: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Template:
    """One approved template."""

    code: str
    text: str
    variables: Mapping[str, str]

    @classmethod
    def of(cls, account: Account) -> Self:
        """The template of an account. Raises InvalidInputError for a line that says nothing."""
        return cls(
            account.text("template_code").strip(),
            account.text("template").replace("\r\n", "\n"),
            _read(account.settings.get("variables", "")),
        )

    @property
    def names(self) -> list[str]:
        """The names of its variables, each once."""
        return list(dict.fromkeys(_VARIABLE.findall(self.text)))

    def validate(self) -> None:
        """Raise InvalidInputError unless every variable is filled and what results can fit."""
        known = ", ".join(words.FACTS)
        for name in self.names:
            if self.variables.get(name, name) not in words.FACTS:
                text = _("Say what the variable %(name)s stands for; there are: %(known)s.")
                raise InvalidInputError(text % {"name": f"#{{{name}}}", "known": known})
        for name in self.variables:
            if name not in self.names:
                text = _("The template has no variable %(name)s.")
                raise InvalidInputError(text % {"name": f"#{{{name}}}"})
        if len(_VARIABLE.sub("", self.text)) > LONGEST - 20 * len(self.names):
            text = _("A template holds at most %(n)d letters, its variables among them.")
            raise InvalidInputError(text % {"n": LONGEST})
        if len(self.code) > 30:
            raise InvalidInputError(_("A template code has at most 30 letters."))

    def fill(self, envelope: Envelope) -> Filled:
        """Filled in from a message; values are shortened until the whole fits."""
        facts = words.facts(envelope.payload, may_repeat=envelope.may_repeat)
        values = {name: facts.get(self.variables.get(name, name), "") or "-" for name in self.names}
        fixed = len(_VARIABLE.sub("", self.text))
        uses = _VARIABLE.findall(self.text)
        room = max(1, (LONGEST - fixed) // max(1, len(uses)))
        most = min(_LONGEST_VALUE, room)
        kept = {name: _cut(value, most) for name, value in values.items()}
        return Filled(_VARIABLE.sub(lambda found: kept[found[1]], self.text), kept)


def _read(given: Any) -> dict[str, str]:
    if isinstance(given, dict):
        return {str(name): str(fact) for name, fact in given.items()}
    found = {}
    for line in str(given or "").splitlines():
        if not line.strip():
            continue
        name, equals, fact = line.partition("=")
        name = name.strip().removeprefix("#{").removesuffix("}")
        if not equals or not name or not fact.strip():
            raise InvalidInputError(_("A line of the variables reads: name = what it stands for."))
        found[name] = fact.strip()
    return found


def _cut(value: str, most: int) -> str:
    return value if len(value) <= most else value[: max(0, most - 1)] + "…"
