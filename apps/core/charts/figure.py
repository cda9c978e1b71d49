"""One Plotly figure as plain data. Text and grid colours are the page's: they follow its theme."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from plotly import graph_objects as go

from apps.core.charts.decimate import decimate
from apps.core.charts.palette import Style, style

HEIGHT_PX: Final = 200
_BYTES: Final = ("By", "By/s")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: milliseconds since 1970 and values, None where nothing is known."""

    name: str
    x: list[int]
    y: list[float | None]


def figure(lines: Sequence[Line], unit: str, width_px: int) -> dict[str, Any]:
    """The figure: at most one point for two pixels, each line a colour and a dash of its own."""
    traces = []
    for position, line in enumerate(lines):
        x, y = decimate(line.x, line.y, width_px // 2)
        look = _look(style(line.name, position))
        traces.append({**look, "name": line.name, "x": x, "y": y})
    return {"data": traces, "layout": _layout(unit)}


# Plotly checks a look when it is made, which takes as long as sending a thousand points: once for
# each look is enough. The points are lists of numbers and need no checking.
@functools.cache
def _look(chosen: Style) -> dict[str, Any]:
    made: dict[str, Any] = go.Scatter(
        mode="lines",
        line={"color": chosen.color, "dash": chosen.dash, "width": 2},
        connectgaps=False,
    ).to_plotly_json()
    return made


@functools.lru_cache(maxsize=64)
def _layout(unit: str) -> dict[str, Any]:
    made: dict[str, Any] = go.Layout(
        height=HEIGHT_PX,
        margin={"l": 48, "r": 8, "t": 8, "b": 24},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Inter, sans-serif", "size": 11},
        hovermode="x unified",
        showlegend=False,
        xaxis={"type": "date", "showgrid": False, "zeroline": False, "nticks": 6},
        yaxis={
            "rangemode": "tozero",
            "zeroline": False,
            "nticks": 5,
            "fixedrange": True,
            "separatethousands": True,
            **({"tickformat": "~s"} if unit in _BYTES else {}),
        },
    ).to_plotly_json()
    return made
