"""How figures and texts from outside are written."""

import re
from datetime import datetime, timedelta
from typing import Final

from django import template

register = template.Library()
# Controls, invisible letters and those that turn the direction of writing: someone may have sent
# them to make a line look like another one. Line breaks and tabs are plain layout.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb]"
)


@register.filter
def duration(microseconds: int) -> str:
    """A duration in its natural unit with three significant digits."""
    if microseconds < 1000:
        return f"{microseconds} µs"
    value, unit = (
        (microseconds / 1e3, "ms") if microseconds < 999_500 else (microseconds / 1e6, "s")
    )
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


@register.filter
def after(moment: datetime, start: datetime) -> str:
    """How long after a start, as a duration."""
    us = (moment - start) // timedelta(microseconds=1)
    return f"−{duration(-us)}" if us < 0 else duration(us)


@register.filter
def visible(text: object) -> str:
    """The text with every letter that cannot be seen spelled out, as in ⟨U+202E⟩."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", str(text))


@register.filter
def pairs(mapping: dict[str, object]) -> list[tuple[str, object]]:
    """Name and value of each entry: a template's `.items` finds a key named "items" first."""
    return list(mapping.items())


@register.filter
def percent_of(part: int, whole: int) -> str:
    """An SVG percentage, within 0 and 100."""
    return f"{min(max(part, 0) * 100 / max(whole, 1), 100):.3f}%"


@register.filter
def less(value: int, other: int) -> int:
    """The difference."""
    return value - other


@register.filter
def percent_word(share: float) -> str:
    """A share of 0 to 1 in percent, never 0 % or 100 % where it is not quite."""
    percent = share * 100
    if 0 < percent < 1:
        return "< 1 %"
    return "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"
