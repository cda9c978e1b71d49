"""Conditions on labels, as an address spells them: `http.route=~/api/.*`."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast

from django.utils.translation import gettext_lazy as _
from psycopg import sql

from apps.core.errors import InvalidInputError

Operator = Literal["=", "!=", "=~", "!~"]
OPERATORS: Final[tuple[Operator, ...]] = ("=", "!=", "=~", "!~")
MOST: Final = 10
_LONGEST: Final = 1000
# PostgreSQL compiles a pattern before the statement's timeout can end it.
_LONGEST_PATTERN: Final = 200
_SPELT: Final = re.compile(r"([^=!~]{1,255})(=~|!~|!=|=)(.*)", re.DOTALL)
# What a label says, of the series or else of its resource.
VALUE: Final = "coalesce(s.attrs ->> {0}, r.attrs ->> {0})"
_CONDITIONS: Final[dict[Operator, str]] = {
    "=": "coalesce(" + VALUE + ", '') = {1}",
    "!=": "coalesce(" + VALUE + ", '') <> {1}",
    "=~": "coalesce(" + VALUE + ", '') ~ {1}",
    "!~": "coalesce(" + VALUE + ", '') !~ {1}",
}


@dataclass(frozen=True, slots=True, order=True)
class Filter:
    """One condition. A label that is absent counts as empty; a pattern matches the whole value."""

    label: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        longest = _LONGEST_PATTERN if self.operator in ("=~", "!~") else _LONGEST
        if not self.label or "\0" in self.label + self.value or len(self.value) > longest:
            raise InvalidInputError(
                _("A condition names a label, and its value is at most %(n)d letters long.")
                % {"n": longest},
                {"parameter": "where"},
            )

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{self.value}"

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """`label=value`, `label!=value`, `label=~pattern` or `label!~pattern`.

        Raises InvalidInputError that names the mend.
        """
        found = _SPELT.fullmatch(text)
        if found is None or not found[1].strip():
            raise InvalidInputError(
                _("Write a condition as label=value; =~ and !~ take a pattern."),
                {"parameter": "where"},
            )
        return cls(found[1].strip(), cast(Operator, found[2]), found[3])

    def condition(self) -> sql.Composed:
        """The condition over `s` (tm_series) and `r` (tm_resource)."""
        pattern = self.operator in ("=~", "!~")
        wanted = f"^(?:{self.value})$" if pattern else self.value
        return sql.SQL(_CONDITIONS[self.operator]).format(
            sql.Literal(self.label), sql.Literal(wanted)
        )


def not_a_pattern() -> InvalidInputError:
    """What is told where PostgreSQL cannot read a pattern."""
    return InvalidInputError(
        _("A pattern after =~ or !~ is not a regular expression."), {"parameter": "where"}
    )
