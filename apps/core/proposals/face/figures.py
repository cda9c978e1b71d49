"""The promised and the measured gain as words, and as a small drawing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

_WIDTH, _LEFT = 300.0, 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval on the common scale: x positions in the drawing, and its words."""

    name: str
    words: str
    kind: str
    y: int
    left: float
    width: float
    middle: float


@dataclass(frozen=True, slots=True)
class GainFigure:
    """Promised above measured; `zero` is where nothing changes."""

    bars: tuple[Bar, ...]
    zero: float
    summary: str


def gain_figure(predicted: Mapping[str, Any] | None, gain: Mapping[str, Any] | None) -> GainFigure:
    """What is known of both; a missing one is no bar, never one at 0."""
    unit = "" if predicted is None else str(predicted["unit"])
    rows: list[tuple[str, str, float, float, float, str]] = []
    for name, kind, found, middle in (
        (_("Promised"), "promised", predicted, "expected"),
        (_("Measured"), "measured", gain, "value"),
    ):
        if found is not None:
            low, mid, high = found["low"], found[middle], found["high"]
            words = interval(mid, low, high, unit, relative=found["relative"])
            rows.append((name, kind, low, mid, high, words))
    scale = _Scale([edge for row in rows for edge in (row[2], row[4])])
    bars = tuple(
        Bar(name, words, kind, 8 + 22 * place, scale.at(low),
            max(4.0, round(scale.at(high) - scale.at(low), 1)), scale.at(mid))
        for place, (name, kind, low, mid, high, words) in enumerate(rows)
    )  # fmt: skip
    summary = "; ".join(f"{bar.name}: {bar.words}" for bar in bars)
    return GainFigure(bars, scale.at(0.0), summary)


def interval(middle: float, low: float, high: float, unit: str, *, relative: bool) -> str:
    """A gain with its interval, such as `45 % (40 % to 50 %)`."""
    shown = [figure(x, unit, relative=relative) for x in (middle, low, high)]
    return _("%(middle)s (%(low)s to %(high)s)") % {
        "middle": shown[0], "low": shown[1], "high": shown[2],
    }  # fmt: skip


def figure(value: float | str | None, unit: str = "", *, relative: bool = False) -> str:
    """One figure with its unit; text as it is; unknown for None."""
    if value is None:
        return _("unknown")
    # UCUM writes what is counted in braces.
    unit = "" if unit == "1" else unit.replace("{", "").replace("}", "")
    if isinstance(value, str):
        return f"{value} {unit}".strip()
    if relative:
        return f"{100 * value:.3g} %".replace("e+02", "00")
    shown = f"{value:,.4g}" if abs(value) < 1e15 else f"{value:.4g}"
    return f"{_plain(shown, value)} {unit}".strip()


def _plain(shown: str, value: float) -> str:
    # Four digits of a large number would be written with an exponent.
    return f"{value:,.0f}" if "e+" in shown and abs(value) < 1e15 else shown


class _Scale:
    """Values to x positions, nothing-changes always in sight."""

    def __init__(self, edges: list[float]) -> None:
        self._low = min([0.0, *edges])
        self._span = max([0.0, *edges]) - self._low or 1.0

    def at(self, value: float) -> float:
        return round(_LEFT + _WIDTH * (value - self._low) / self._span, 1)
