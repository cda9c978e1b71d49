"""The tiny language of a rule's message: `{{ value | percent }}` on `{{ labels.host.name }}`.

Nothing is called, nothing is evaluated, nothing loops: a message is text with holes. What is not
known is shown as "–". It compiles at save, so that a page never fails on its own wording.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

NAMES: Final = (
    "rule", "summary", "metric", "unit", "value", "worst", "threshold", "severity", "state",
)  # fmt: skip
# Names under which more follow after a dot; a label's own dots belong to it.
GROUPS: Final = ("labels", "facts")
_UNKNOWN: Final = "–"
_HOLE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_INSIDE: Final = re.compile(r"\s*([^|\s]+)\s*(?:\|\s*([a-z]+)\s*)?")
_LONGEST: Final = 4000


class TemplateError(Exception):
    """A template that does not compile, and why."""


@dataclass(frozen=True, slots=True)
class _Hole:
    group: str
    name: str
    filter: Callable[[Any], str]


def _plain(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.6g}"


def _number(value: Any, how: Callable[[float], str]) -> str:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return how(float(value)) if known else _plain(value)


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"


FILTERS: Final[dict[str, Callable[[Any], str]]] = {
    "percent": lambda value: _number(value, lambda n: f"{n * 100:.4g} %"),
    "round": lambda value: _number(value, lambda n: f"{n:,.0f}"),
    "duration": lambda value: _number(value, _duration),
    "upper": lambda value: str(value).upper(),
}


@functools.lru_cache(maxsize=512)
def compile_template(text: str) -> tuple[str | _Hole, ...]:
    """Texts and holes in turn. Raises TemplateError."""
    parts: list[str | _Hole] = []
    at = 0
    for match in _HOLE.finditer(text):
        parts += [_text(text[at : match.start()]), _hole(match.group(1))]
        at = match.end()
    parts.append(_text(text[at:]))
    return tuple(parts)


def render(text: str, values: Mapping[str, Any]) -> str:
    """The text with its holes filled. A template that does not compile is shown as it is."""
    try:
        parts = compile_template(text)
    except TemplateError:
        return text
    return "".join(p if isinstance(p, str) else _filled(p, values) for p in parts)[:_LONGEST]


def _filled(hole: _Hole, values: Mapping[str, Any]) -> str:
    holder = values.get(hole.group) if hole.group else values
    value = holder.get(hole.name) if isinstance(holder, Mapping) else None
    return _UNKNOWN if value is None else hole.filter(value)


def _text(text: str) -> str:
    for mark in ("{{", "}}"):
        if mark in text:
            raise TemplateError(_("A %(mark)s without its other half.") % {"mark": mark})
    if "{%" in text:
        raise TemplateError(
            _("Only %(names)s are filled in; there are no %(statements)s.")
            % {"names": "{{ names }}", "statements": "{% statements %}"}
        )
    return text


def _hole(inside: str) -> _Hole:
    match = _INSIDE.fullmatch(inside)
    if match is None:
        raise TemplateError(
            _("%(hole)s is not a name, or a name | filter.") % {"hole": f"{{{{{inside}}}}}"}
        )
    name, wanted = match.groups()
    if wanted is not None and wanted not in FILTERS:
        raise TemplateError(
            _("There is no filter %(name)s; there are %(known)s.")
            % {"name": wanted, "known": ", ".join(FILTERS)}
        )
    found = FILTERS[wanted] if wanted else _plain
    group, _dot, rest = name.partition(".")
    if group in GROUPS and rest:
        return _Hole(group, rest, found)
    if name in NAMES:
        return _Hole("", name, found)
    there = ", ".join((*NAMES, *(f"{group}.…" for group in GROUPS)))
    raise TemplateError(
        _("There is no %(name)s; there are %(known)s.") % {"name": name, "known": there}
    )
