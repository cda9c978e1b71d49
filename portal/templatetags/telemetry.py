"""How figures are written."""

from django import template

register = template.Library()


@register.filter
def duration(microseconds: int) -> str:
    """A duration in its natural unit with three significant digits."""
    if microseconds < 1000:
        return f"{microseconds} µs"
    value, unit = (
        (microseconds / 1e3, "ms") if microseconds < 999_500 else (microseconds / 1e6, "s")
    )
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
