"""Filters of a list, declared once: a field says how its text is read, what it asks of the rows,
and how a page's form shows it. A new filter is one line in a `Filters`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

# A lookup of the model, or what makes a condition of the value.
Where = str | Callable[[Any], Q]
Words = Sequence[tuple[str, Any]]
_LONGEST: Final = 2000
_NOT_LISTED: Final = _("Choose one of the list.")
_TWICE: Final = _("Given more than once. It takes one value.")


class _Filter(serializers.Field):  # type: ignore[type-arg]
    """`where`: what a value that is not empty asks of the rows; nothing where it is left out."""

    # What a page says of a wrong value; else the API's sentence.
    mend: Any = ""
    shown: Words = ()

    def __init__(self, *, where: Where = "", **options: Any) -> None:
        self.where = where
        options.setdefault("allow_blank", True)
        super().__init__(**{"default": "", **options})


class Phrase(_Filter, serializers.CharField):
    """Text as it is."""


class OneOf(_Filter, serializers.ChoiceField):
    """One of `choices`: `(key, words)`."""

    mend = _NOT_LISTED

    def __init__(self, choices: Words, **options: Any) -> None:
        super().__init__(choices=choices, **options)
        self.shown = choices


class Parsed(_Filter, serializers.CharField):
    """What `parse` makes of the text; it may raise ValidationError. The default is text, too."""

    def __init__(self, parse: Callable[[str], Any], *, mend: Any = "", **options: Any) -> None:
        self.parse, self.mend = parse, mend
        super().__init__(**options)

    def run_validation(self, data: Any = empty) -> Any:
        """The value; of nothing, the value of the default."""
        given = self.default if data is empty or data == "" else super().run_validation(data)
        return self.parse(str(given))


class SomeOf(Parsed):
    """One or more of `choices` with commas between, or the name of one of `groups`, which a form
    shows first: name → (words, keys). A list of keys; empty for any, where `choices` is the
    `whole` of what a row may have."""

    def __init__(
        self, choices: Words, *, groups: Mapping[str, tuple[Any, Sequence[str]]] | None = None,
        whole: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        known = [key for key, _words in choices]
        names = {name: list(keys) for name, (_words, keys) in (groups or {}).items()}

        def parse(text: str) -> list[str]:
            chosen = names.get(text) or [one.strip() for one in text.split(",") if one.strip()]
            unknown = sorted(set(chosen) - set(known))
            if unknown:
                there = ", ".join([*known, *names])
                raise serializers.ValidationError(
                    f"Unknown: {', '.join(unknown)}. There are: {there}."
                )
            # All of them are no condition, and one that keeps an index from giving the order.
            return [] if whole and set(chosen) == set(known) else chosen

        super().__init__(parse, mend=_NOT_LISTED, **options)
        self.shown = [*((name, words) for name, (words, _keys) in (groups or {}).items()), *choices]


class Filters(serializers.Serializer[Any]):
    """The base: query parameters of the API, as `Endpoint.parameters`."""

    @classmethod
    def condition(cls, asked: Mapping[str, Any]) -> Q:
        """What validated values ask of the rows."""
        found = Q()
        for name, field in cls._declared_fields.items():
            where, value = getattr(field, "where", ""), asked.get(name)
            if where and value not in (None, "", [], {}):
                found &= where(value) if callable(where) else Q(**{where: value})
        return found


@dataclass(frozen=True)
class Control:
    """One field of a form, as `kit/filters.html` draws it; of no choices, a text is typed."""

    name: str
    label: Any
    value: str
    choices: Words
    mistake: Any
    longest: int
    example: str


@dataclass(frozen=True)
class Asked:
    """What an address asks a page for.

    `values` are validated, a wrong one left out; `mistakes` names each with its mend.
    """

    values: dict[str, Any]
    given: dict[str, str]
    mistakes: dict[str, Any]
    controls: list[Control]

    def address(self, *but: str) -> str:
        """The sound filters as the API's query, without these."""
        sound = {n: v for n, v in self.given.items() if n not in self.mistakes and n not in but}
        return urlencode(sound)


def read(query: QueryDict, parameters: type[serializers.Serializer[Any]], *names: str) -> Asked:
    """The filters of these names; others of the page are left alone. Never raises.

    A form sends what nobody filled in as empty: that means the default.
    """
    given: dict[str, str] = {}
    mistakes: dict[str, Any] = {}
    for name in names:
        # NUL cannot be in a PostgreSQL text; nothing is found by it.
        texts = {text.replace("\0", "")[:_LONGEST] for text in query.getlist(name)} - {""}
        if len(texts) > 1:
            mistakes[name] = _TWICE
        elif texts:
            given[name] = texts.pop()
    reader = parameters(data=given)
    if not reader.is_valid():
        for name, told in reader.errors.items():
            mistakes[name] = getattr(reader.fields.get(name), "mend", "") or _first(told)
    sound = parameters(data={name: text for name, text in given.items() if name not in mistakes})
    sound.is_valid(raise_exception=True)
    controls = [_control(name, reader.fields[name], given, mistakes) for name in names]
    return Asked(dict(sound.validated_data), given, mistakes, controls)


def _control(
    name: str, field: Any, given: Mapping[str, str], mistakes: Mapping[str, Any]
) -> Control:
    choices = list(getattr(field, "shown", ()))
    usual = "" if field.default is empty else str(field.default)
    if choices and not usual:
        choices.insert(0, ("", _("all")))
    value = given.get(name, usual)
    if choices and name in mistakes:
        value = usual
    elif choices and value not in dict(choices):
        choices.append((value, value))
    longest = getattr(field, "max_length", None) or 200
    example = str(field.style.get("placeholder", ""))
    return Control(name, field.label, value, choices, mistakes.get(name), longest, example)


def _first(told: Any) -> str:
    while isinstance(told, dict | list) and told:
        told = next(iter(told.values())) if isinstance(told, dict) else told[0]
    return str(told)
