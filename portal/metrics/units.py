"""Figures with their unit, as the pages' scripts write them (`static/js/kit/format.js`)."""

from typing import Final

from django.utils.translation import gettext as _

_BYTES: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def figure(value: float | None, unit: str) -> str:
    """Three digits and a unit people know; a ratio of one (`1`) in percent where it is one."""
    if value is None:
        return _("no data")
    if unit in ("By", "By/s"):
        return _bytes(value) + unit[2:]
    if unit == "1":
        return f"{_short(100 * value)} %"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{_short(1000 * value)} ms"
    if unit.startswith("1/"):
        return f"{_short(value)}{unit[1:]}"
    plain = unit if not unit.startswith("{") else unit.strip("{}")
    return f"{_short(value)} {plain}".strip()


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1000 and power < len(_BYTES) - 1:
        value, power = value / 1000, power + 1
    return f"{_short(value)} {_BYTES[power]}"


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
