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
