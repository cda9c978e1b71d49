"""Plotly figures for the panels. Text and grid colours are the page's, so they follow its theme."""

from typing import Any

from plotly import graph_objects as go

from portal.overview.palette import style
from portal.overview.panels import Panel


def figure(panel: Panel, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The figure of one panel as JSON-ready data; `lines` as in `payload`."""
    chart = go.Figure(layout=_layout(len(lines)))
    for position, line in enumerate(lines):
        look = style(line["name"], position)
        chart.add_trace(
            go.Scatter(
                x=line["x"],
                y=line["y"],
                name=line["name"],
                mode="lines",
                line={"color": look.color, "dash": look.dash, "width": 2},
                connectgaps=False,
                hovertemplate=f"%{{y:.4~g}} {panel.unit}",
            )
        )
    return {"data": [trace.to_plotly_json() for trace in chart.data],
            "layout": chart.layout.to_plotly_json()}  # fmt: skip


def _layout(lines: int) -> dict[str, Any]:
    return {
        "template": "none",
        "height": 200,
        "margin": {"l": 44, "r": 8, "t": 24 if lines > 1 else 8, "b": 24},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter, sans-serif", "size": 11},
        "hovermode": "x unified",
        "showlegend": lines > 1,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {"type": "date", "showgrid": False, "zeroline": False, "nticks": 6},
        "yaxis": {
            "rangemode": "tozero",
            "zeroline": False,
            "nticks": 5,
            "fixedrange": True,
            "separatethousands": True,
        },
    }
