"""Matchers over the labels of an alert, as Alertmanager has them: `=`, `!=`, `=~`, `!~`, anchored.

A label that is missing is an empty one. Expressions are RE2's: whatever people write, matching
takes time linear in the value.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import re2
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    from apps.alerts.models import Episode

OPERATORS: Final = ("=", "!=", "=~", "!~")
_LONGEST: Final = 1024
MOST: Final = 20
# A name may hold dots, as OpenTelemetry's do. Three expressions and not one: together, those that
# take spaces would try every way to share them out, for minutes.
_HEAD: Final = re.compile(r"\s*([^\s=!~\",{}]+)\s*(=~|!~|!=|=)\s*")
_QUOTED: Final = re.compile(r"\"((?:[^\"\\]|\\.)*)\"\s*(?:,|$)")
_BARE: Final = re.compile(r"([^\",{}]*)(?:,|$)")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label."""

    name: str
    op: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it."""
        text = labels.get(self.name, "")
        if self.op in ("=", "!="):
            return (text == self.value) == (self.op == "=")
        return (_compiled(self.value).fullmatch(text) is not None) == (self.op == "=~")

    @property
    def matches_empty(self) -> bool:
        """Whether an alert without the label fulfils it."""
        return self.matches({})

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{self.op}"{escaped}"'

    def as_json(self) -> dict[str, str]:
        """As it is stored: `{"name": …, "op": …, "value": …}`."""
        return {"name": self.name, "op": self.op, "value": self.value}


def labels_of(episode: "Episode") -> dict[str, str]:
    """What matchers and group_by see of an episode: its labels and what is known of it besides.

    `alertname`, `severity`, `metric` and `source` stand beside the episode's own labels; the
    severity is always the current one.
    """
    known = {
        "alertname": episode.rule_name,
        "metric": episode.metric,
        "source": str(getattr(episode, "source", "")),
    }
    own = {str(name): str(value) for name, value in episode.labels.items()}
    return {**known, **own, "severity": episode.severity}


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels fulfil every one; no matchers match everything."""
    return all(one.matches(labels) for one in matchers)


def from_json(stored: Any) -> tuple[Matcher, ...]:
    """Matchers as stored: a list of objects `{name, op, value}`. Raises InvalidInputError."""
    if not isinstance(stored, list) or len(stored) > MOST:
        raise InvalidInputError(_("Matchers are a list of at most %(n)d.") % {"n": MOST})
    return tuple(_from_object(one) for one in stored)


def parse(text: str) -> tuple[Matcher, ...]:
    """Matchers as typed: `service.name="shop", severity=~"warning|critical"`, braces allowed.

    Raises InvalidInputError with the place that cannot be read.
    """
    rest = text.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1]
    found: list[Matcher] = []
    at = 0
    while rest[at:].strip():
        head = _HEAD.match(rest, at)
        quoted = head and _QUOTED.match(rest, head.end())
        value = quoted or (head and _BARE.match(rest, head.end()))
        if head is None or value is None:
            words = _("Cannot read a matcher at: %(text)s")
            raise InvalidInputError(words % {"text": rest[at : at + 40]})
        text = _unescaped(value[1]) if quoted else value[1].rstrip()
        found.append(checked(Matcher(head[1], head[2], text)))
        if len(found) > MOST:
            break
        at = value.end()
    if len(found) > MOST:
        raise InvalidInputError(_("Matchers are a list of at most %(n)d.") % {"n": MOST})
    return tuple(found)


def in_words(matchers: Iterable[Matcher]) -> str:
    """As typed; empty for none."""
    return ", ".join(str(one) for one in matchers)


def checked(matcher: Matcher) -> Matcher:
    """The same matcher. Raises InvalidInputError for one that makes no sense."""
    if matcher.op not in OPERATORS or not matcher.name:
        raise InvalidInputError(_("A matcher is a label name, one of = != =~ !~, and a value."))
    if len(matcher.name) > 255 or len(matcher.value) > _LONGEST or "\0" in str(matcher):
        raise InvalidInputError(_("A matcher is too long, or holds what is no text."))
    if matcher.op in ("=~", "!~"):
        try:
            _compiled(matcher.value)
        except re2.error as error:
            raise InvalidInputError(
                _("%(value)s is no expression: %(error)s")
                % {"value": matcher.value, "error": error}
            ) from error
    return matcher


def contradiction(matchers: Sequence[Matcher]) -> str:
    """Why no labels can ever fulfil all of these; empty when some may.

    Exact where a label must equal a value; of expressions alone nothing is claimed.
    """
    for one in matchers:
        if one.op != "=":
            continue
        for other in matchers:
            if not other.matches({one.name: one.value}) and other.name == one.name:
                return _("%(one)s and %(other)s exclude each other.") % {
                    "one": one, "other": other,
                }  # fmt: skip
    for one in matchers:
        opposite = {"=~": "!~", "!~": "=~"}.get(one.op)
        if opposite and Matcher(one.name, opposite, one.value) in matchers:
            return _("%(one)s stands beside its opposite.") % {"one": one}
    return ""


def _from_object(one: Any) -> Matcher:
    if not isinstance(one, dict) or not all(
        isinstance(one.get(key), str) for key in ("name", "op", "value")
    ):
        raise InvalidInputError(_("A matcher is a label name, one of = != =~ !~, and a value."))
    return checked(Matcher(one["name"], one["op"], one["value"]))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text)


@lru_cache(maxsize=2048)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    options.dot_nl = True
    return re2.compile(expression, options)
