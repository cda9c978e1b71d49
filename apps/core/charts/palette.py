"""Line styles: each colour has 3:1 on the light and the dark card; the dash tells it twice."""

from typing import Final, NamedTuple


class Style(NamedTuple):
    """How a line looks."""

    color: str
    dash: str


STYLES: Final = (
    Style("#0284c7", "solid"),
    Style("#d97706", "dash"),
    Style("#dc2626", "dot"),
    Style("#059669", "dashdot"),
    Style("#8b5cf6", "longdash"),
    Style("#db2777", "longdashdot"),
)
_FIXED: Final = {"5xx": STYLES[2], "4xx": STYLES[1], "hits": STYLES[3]}


def style(name: str, position: int) -> Style:
    """The style of a line: fixed by meaning where it has one, else by its place."""
    return _FIXED.get(name) or STYLES[position % len(STYLES)]
