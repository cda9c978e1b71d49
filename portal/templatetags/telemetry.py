"""How figures and texts from outside are written."""

import re
from datetime import datetime, timedelta
from typing import Final

from django import template
from django.utils.translation import ngettext

from apps.alerts.delivery import wording
from apps.monitoring.traces import reading

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
def took(milliseconds: float | None) -> str:
    """A duration in its natural unit; a dash where it is not known."""
    return "–" if milliseconds is None else duration(round(1000 * milliseconds))


@register.filter
def in_ms(seconds: float | None) -> float | None:
    """Seconds as milliseconds, for `took`."""
    return None if seconds is None else 1000 * seconds


@register.filter
def largest(values: list[float | None]) -> float | None:
    """The largest that is known."""
    return max((value for value in values if value is not None), default=None)


@register.filter
def hundredth(share: float) -> str:
    """A share of one as a width in a box of a hundred."""
    return f"{100 * min(max(share, 0), 1):.2f}"


@register.filter
def entry(mapping: dict[str, object], key: str) -> object:
    """What a mapping holds under a key; the key itself where there is none."""
    return mapping.get(key, key)


@register.filter
def percent(share: float | None) -> str:
    """A share of one in percent, in as many digits as tell something."""
    if share is None:
        return "–"
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"


@register.filter
def change(share: float | None) -> str:
    """How much more or less, with its sign."""
    return "" if share is None else f"{100 * share:+.0f} %"


@register.filter
def rate(per_s: float) -> str:
    """So many a second; by the minute or the hour where that is less than one."""
    for factor, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if per_s * factor >= 1 or unit == "h":
            return f"{per_s * factor:.3g}/{unit}"
    return ""


@register.filter
def spark(values: list[float | None]) -> str:
    """An SVG path in a box of 100 by 24, broken where nothing is known."""
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    width = 100 / max(len(values) - 1, 1)
    parts, down = [], False
    for place, value in enumerate(values):
        if value is not None:
            at = f"{place * width:.1f} {23 - 22 * value / most:.1f}"
            # A lone point is a dot: a line of no length would not show.
            parts.append(f"L{at}" if down else f"M{at}h.1")
        down = value is not None
    return "".join(parts)


@register.filter
def difference(microseconds: int) -> str:
    """A difference of durations, with its sign."""
    return f"{'−' if microseconds < 0 else '+'}{duration(abs(microseconds))}"


@register.filter
def seconds(value: float | None) -> str:
    """A duration in seconds, in its natural unit; a dash for none."""
    return "–" if value is None else duration(round(value * 1e6))


@register.filter
def lasting(value: float | None) -> str:
    """Seconds as people say them: `3 min 20 s`; a dash for none."""
    return wording.duration(value) or "–"


@register.filter
def width(share: float) -> str:
    """A share of 0 to 1 as SVG reads it."""
    return f"{100 * share:.1f}%"


@register.filter
def at_most(value: int, most: int) -> int:
    """The value, or the most there is."""
    return min(value, most)


@register.filter
def node_kind(node_id: str) -> str:
    """What a node of the service map is."""
    return node_id.partition(":")[0]


@register.filter
def node_name(node_id: str) -> str:
    """What a node of the service map is called."""
    return node_id.partition(":")[2]


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
def kind_name(kind: int) -> str:
    """OTLP's kind of a span in words."""
    return reading.kind_name(kind)


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


@register.filter
def kept_for(hours: int) -> str:
    """A time of retention in the largest unit that is exact: years of 365 days, days, hours."""
    if hours % 24:
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    days = hours // 24
    if days % 365 == 0:
        return ngettext("%(n)d year", "%(n)d years", days // 365) % {"n": days // 365}
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
