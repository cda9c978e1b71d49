"""A line with its threshold, drawn with Pillow: no browser, no fonts of the system."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

# Twice the size it is shown at, for screens with fine pixels.
WIDTH, HEIGHT = 1120, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 120, 24, 56, 48
_INK, _PALE, _GRID, _LINE = "#111827", "#6b7280", "#e5e7eb", "#1d4ed8"
_TONES: Final = {"critical": "#b91c1c", "warning": "#b45309"}
_DASH: Final = 14
_GRIDS: Final = 4
Point = tuple[datetime, float | None]


@dataclass(frozen=True)
class Picture:
    """What to draw. `points` in order of time, None where nothing is known; `label` writes a value.

    `since` is when the alert began to fire.
    """

    title: str
    points: Sequence[Point]
    threshold: float | None
    above: bool
    severity: str
    since: datetime
    label: Callable[[float], str]


@dataclass(frozen=True)
class _Scale:
    """From times and values to pixels."""

    start: float
    end: float
    low: float
    high: float
    step: float

    def x(self, moment: datetime) -> float:
        share = (moment.timestamp() - self.start) / ((self.end - self.start) or 1.0)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def png(picture: Picture) -> bytes | None:
    """The picture as PNG, some kilobytes; None when fewer than two points are known."""
    known = [value for _at, value in picture.points if value is not None]
    if len(known) < 2:
        return None
    scale = _scale(picture, known)
    image = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    pen = ImageDraw.Draw(image)
    _beyond(pen, picture, scale)
    _axes(pen, picture, scale)
    _threshold(pen, picture, scale)
    for stretch in _stretches(picture.points):
        spots = [(scale.x(at), scale.y(value)) for at, value in stretch]
        if len(spots) == 1:
            x, y = spots[0]
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_LINE)
        else:
            pen.line(spots, fill=_LINE, width=4, joint="curve")
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _scale(picture: Picture, known: Sequence[float]) -> _Scale:
    values = [*known, *([] if picture.threshold is None else [picture.threshold])]
    low, high = min(values), max(values)
    # Figures that cannot be negative are drawn from zero, so that a height is a size.
    low = 0.0 if low >= 0 else low
    step = _round_step((high - low) or abs(high) or 1.0)
    first, last = picture.points[0][0], picture.points[-1][0]
    bottom, top = math.floor(low / step) * step, (math.floor(high / step) + 1) * step
    return _Scale(first.timestamp(), last.timestamp(), bottom, top, step)


def _round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten, so that about four of them make the span."""
    size = 10.0 ** math.floor(math.log10(span / _GRIDS))
    return next(size * n for n in (1, 2, 5, 10) if size * n >= span / _GRIDS)


def _axes(pen: Any, picture: Picture, scale: _Scale) -> None:
    small = _font(22)
    pen.text((_LEFT, 14), _ascii(picture.title)[:80], fill=_INK, font=_font(26))
    for number in range(round((scale.high - scale.low) / scale.step) + 1):
        value = scale.low + number * scale.step
        y = scale.y(value)
        pen.line([(_LEFT, y), (WIDTH - _RIGHT, y)], fill=_GRID, width=2)
        pen.text((_LEFT - 10, y), _ascii(picture.label(value)), fill=_PALE, font=small, anchor="rm")
    for at, anchor in ((picture.points[0][0], "la"), (picture.points[-1][0], "ra")):
        told = f"{at:%m-%d %H:%M} UTC"
        pen.text((scale.x(at), HEIGHT - 38), told, fill=_PALE, font=small, anchor=anchor)
    x = scale.x(picture.since)
    if _LEFT < x < WIDTH - _RIGHT:
        pen.line([(x, _TOP), (x, HEIGHT - _BOTTOM)], fill=_tone(picture), width=2)
        if _LEFT + 260 < x < WIDTH - _RIGHT - 260:
            told = f"{picture.since:%H:%M}"
            pen.text((x, HEIGHT - 38), told, fill=_tone(picture), font=small, anchor="ma")


def _beyond(pen: Any, picture: Picture, scale: _Scale) -> None:
    if picture.threshold is None:
        return
    y, edge = scale.y(picture.threshold), _TOP if picture.above else HEIGHT - _BOTTOM
    pen.rectangle(
        (_LEFT, min(y, edge), WIDTH - _RIGHT, max(y, edge)),
        fill="#fef2f2" if picture.severity == "critical" else "#fffbeb",
    )


def _threshold(pen: Any, picture: Picture, scale: _Scale) -> None:
    if picture.threshold is None:
        return
    y = scale.y(picture.threshold)
    for x in range(_LEFT, WIDTH - _RIGHT, 2 * _DASH):
        pen.line([(x, y), (min(x + _DASH, WIDTH - _RIGHT), y)], fill=_tone(picture), width=3)
    told = _ascii(picture.label(picture.threshold))
    pen.text((WIDTH - _RIGHT, y - 6), told, fill=_tone(picture), font=_font(22), anchor="rd")


def _stretches(points: Sequence[Point]) -> list[list[tuple[datetime, float]]]:
    """The points between gaps: what is not known is not drawn."""
    found: list[list[tuple[datetime, float]]] = [[]]
    for at, value in points:
        if value is not None:
            found[-1].append((at, value))
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]


def _tone(picture: Picture) -> str:
    return _TONES.get(picture.severity, _PALE)


@cache
def _font(size: int) -> Any:
    # Pillow's own: Latin letters only.
    return ImageFont.load_default(size)


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
