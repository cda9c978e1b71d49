"""The state of every component, as the page's status strip shows it."""

from datetime import UTC, datetime
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.wording import duration
from apps.monitoring.queries.components import components as all_components
from apps.monitoring.queries.history import is_kept

# `Component.why` in words. The page's script fills in the same sentences.
WHY: Final[dict[str, Any]] = {
    "unheard": _("Nothing has been heard of it yet."),
    "idle": _("No task has run for {age}."),
    "unseen": _("It has not been looked at yet."),
    "stale": _("Nothing is known since {time}."),
    "silent": _("No telemetry since {time}."),
}


def components() -> list[dict[str, Any]]:
    """Every component: key, name, status, since when (ms), age of the verdict in s, detail, why.

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
            "why": item.why,
            "kept": is_kept(item.key),
        }
        for item in all_components()
    ]


def worded() -> list[dict[str, Any]]:
    """The same with `detail` in the reader's language, as the page has it before its script."""
    return [{**part, "detail": _said(part)} for part in components()]


def _said(part: dict[str, Any]) -> str:
    words = WHY.get(part["why"])
    if words is None:
        return str(part["detail"])
    since = part["since"]
    time = (
        "" if since is None else f"{datetime.fromtimestamp(since / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    )
    return str(words).format(age=duration(part["age_s"]), time=time)
