"""Tags of the page kit."""

from datetime import UTC, datetime
from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.errors import InvalidInputError

register = template.Library()
_STYLES: Final = ("", "full", "time")


@register.simple_tag
def moment(value: datetime | None, style: str = "") -> SafeString | str:
    """A time the page's script rewrites to the reader's zone; UTC text where no script runs.

    `style`: "" is the clock for today and the day otherwise, "full" always both, "time" the clock.
    A missing time is a dash. Raises InvalidInputError for another style.
    """
    if style not in _STYLES:
        raise InvalidInputError(f"A moment's style is one of {', '.join(_STYLES[1:])}.")
    if value is None:
        return "–"
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-moment="{}">{}</time>',
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        style,
        f"{utc:%Y-%m-%d %H:%M:%S}",
    )


@register.filter
def ms(value: datetime) -> int:
    """Milliseconds since 1970, as scripts count."""
    return round(value.timestamp() * 1000)


@register.filter
def unit_word(unit: str) -> str:
    """A unit as people write it: OpenTelemetry's `By` is a B, and `1` is nothing."""
    return {"By": "B", "By/s": "B/s", "1": ""}.get(unit, unit)


@register.filter
def short_number(value: float) -> str:
    """A count in at most four characters of digits: 1.2k, 34M."""
    size = float(value)
    for letter in ("", "k", "M", "G", "T"):
        if abs(size) < 1000 or letter == "T":
            return f"{size:.3g}{letter}" if letter else f"{size:.0f}"
        size /= 1000
    return ""
