"""Where each span's bar lies, in percent of the whole trace."""

from dataclasses import dataclass
from typing import Any, Final

from apps.monitoring.queries.traces import TraceSpan, TraceTree

# A span too short to see still gets a visible bar.
_LEAST_PERCENT: Final = 0.4
# The stylesheet knows so many steps.
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One span with its bar."""

    span: TraceSpan
    left: str
    width: str
    indent: int

    @property
    def attrs(self) -> list[tuple[str, Any]]:
        """Name and value of each attribute: a template's `.items` finds one named "items" first."""
        return list(self.span.attrs.items())


def bars(tree: TraceTree) -> list[Row]:
    """One row a span, in the tree's order. `left` and `width` are SVG percentages."""
    scale = 100.0 / max(1, tree.duration_us)
    return [
        Row(
            span,
            left=f"{min(span.offset_us * scale, 100 - _LEAST_PERCENT):.3f}%",
            width=f"{max(span.duration_us * scale, _LEAST_PERCENT):.3f}%",
            indent=min(span.depth, _DEEPEST),
        )
        for span in tree.spans
    ]
