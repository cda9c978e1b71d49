"""What a kind of channel asks of who sets it up, beside its target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError

_LONGEST: Final = 2000
_LINES: Final = 200
Words = str | Promise


@dataclass(frozen=True)
class Setting:
    """One value of a channel's settings.

    `secret` ones are sealed together in `Channel.sealed_secret` and never read back; all others
    stand in `Channel.config`. `pairs` is a mapping, typed as lines of `name=value`.
    """

    name: str
    label: Words
    help_text: Words = ""
    shape: Literal["text", "flag", "choice", "url", "pairs"] = "text"
    required: bool = False
    secret: bool = False
    default: Any = ""
    choices: Sequence[tuple[str, Words]] = ()

    def clean(self, value: Any) -> Any:
        """The value in its canonical form; the default for None. Raises InvalidInputError."""
        if value is None:
            value = self.default
        if value in ("", None, {}):
            if self.required:
                raise self.refusal(_("is needed"))
            return value
        return _CLEANED[self.shape](self, value)

    def refusal(self, words: Words) -> InvalidInputError:
        """The error that names this setting."""
        return InvalidInputError(f"{self.label}: {words}.", {"field": self.name})


def cleaned(settings: Sequence[Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """Each of `settings` from what was given. Raises InvalidInputError, for unknown names too."""
    unknown = sorted(set(given) - {one.name for one in settings})
    if unknown:
        known = ", ".join(one.name for one in settings) or "none"
        raise InvalidInputError(
            f"Unknown settings: {', '.join(unknown)}. There are: {known}.", {"unknown": unknown}
        )
    return {one.name: one.clean(given.get(one.name)) for one in settings}


def checked_url(target: str) -> str:
    """An http or https URL with a host and without user, fragment or control characters."""
    target = target.strip()
    try:
        parts = urlsplit(target)
        _port = parts.port
    except ValueError:
        raise InvalidInputError(_("This is not a URL.")) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        words = _("A webhook URL begins with http:// or https:// and has a host.")
        raise InvalidInputError(words)
    if len(target) > _LONGEST or any(ord(char) <= 32 or ord(char) > 126 for char in target):
        words = _("A webhook URL has at most 2000 ASCII characters, no spaces.")
        raise InvalidInputError(words)
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError(_("Put no user and password into a webhook URL."))
    return parts._replace(fragment="").geturl()


def _text(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise setting.refusal(_("a text of at most 2000 characters"))
    return value.strip()


def _flag(setting: Setting, value: Any) -> bool:
    if not isinstance(value, bool):
        raise setting.refusal(_("true or false"))
    return value


def _choice(setting: Setting, value: Any) -> str:
    known = [name for name, _label in setting.choices]
    if value not in known:
        raise setting.refusal(_("one of %(known)s") % {"known": ", ".join(known)})
    return str(value)


def _url(setting: Setting, value: Any) -> str:
    try:
        return checked_url(_text(setting, value)).rstrip("/")
    except InvalidInputError as error:
        raise setting.refusal(str(error.words).rstrip(".")) from None


def _pairs(setting: Setting, value: Any) -> dict[str, str]:
    fits = isinstance(value, Mapping) and len(value) <= _LINES
    if not fits or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise setting.refusal(_("at most 200 names, each with a text"))
    return {_text(setting, name): _text(setting, text) for name, text in value.items()}


_CLEANED: Final = {
    "text": _text, "flag": _flag, "choice": _choice, "url": _url, "pairs": _pairs,
}  # fmt: skip
