"""Charts without a drawing library: which step, which points, which colours, one figure as JSON."""

from apps.core.charts.figure import Line, figure
from apps.core.charts.window import Window

__all__ = ["Line", "Window", "figure"]
