"""Whether there is such a metric, and what else there is under a close name."""

import difflib
from typing import Final

from apps.core.errors import InvalidInputError
from apps.monitoring.queries.catalogue import MetricInfo, catalogue

_SHOWN: Final = 5
_COMPARED: Final = 1000
# What is judged of a metric unless somebody says otherwise.
USUAL_AGGREGATION: Final = {"gauge": "avg", "sum": "rate", "histogram": "p95"}


def known(metric: str, *, force: bool) -> MetricInfo | None:
    """What the store knows of a metric; None when it has never seen it and `force` accepts that.

    Raises InvalidInputError without `force`, naming metrics with close names.
    """
    found = {info.name: info for info in catalogue(metric, _COMPARED)}
    if metric in found or force:
        return found.get(metric)
    close = close_names(metric)
    hint = f" Did you mean {', '.join(close)}?" if close else ""
    raise InvalidInputError(
        f"No series is called {metric!r}.{hint}"
        " To set a threshold before the first figure arrives, add force: true.",
        {"metric": metric, "close": close},
    )


def close_names(metric: str) -> list[str]:
    """Metrics whose names resemble this one."""
    names = [info.name for info in catalogue("", _COMPARED)]
    return difflib.get_close_matches(metric, names, _SHOWN, 0.5)
