"""The state of every component, as the page's status strip shows it."""

from typing import Any

from apps.monitoring.queries.components import components as all_components
from apps.monitoring.queries.history import is_kept


def components() -> list[dict[str, Any]]:
    """Every component: key, name, status, since when (ms), age of the verdict in s, detail.

    `kept` says whether it has a history to show.
    """
    return [
        {
            "key": item.key,
            "name": item.name,
            "status": item.status,
            "since": None if item.since is None else round(item.since.timestamp() * 1000),
            "age_s": None if item.age_s is None else round(item.age_s),
            "detail": item.error or item.detail,
            "kept": is_kept(item.key),
        }
        for item in all_components()
    ]
