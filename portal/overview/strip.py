"""The state of every component, as the page's status strip shows it."""

from typing import Any

from apps.core.health import registry


def components() -> list[dict[str, Any]]:
    """Every component: key, name, status, since when, age of the verdict in seconds, detail."""
    return [
        {
            "key": state.name,
            "name": state.name,
            "status": state.status,
            "since": None,
            "age_s": None if state.age_ms is None else round(state.age_ms / 1000),
            "detail": state.error or "",
        }
        for state in registry.read(wait_s=0)
    ]
