"""Where the evidence of an alert stands: its page, its chart, logs and traces of that time.

Spelt out, so that no message depends on the URL configuration.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from apps.alerts import conf

_BEFORE: Final = timedelta(minutes=30)
_AFTER: Final = timedelta(minutes=15)
_MOST: Final = 8
_SERVICE: Final = ("service.name", "service")


def evidence(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels and URLs in the language in force, the episode's page first. Never more than eight."""
    found: dict[str, str] = {}
    if payload.get("url"):
        found["episode"] = str(payload["url"])
    given = payload.get("links") or {}
    if isinstance(given, Mapping):
        found.update({str(name): str(url) for name, url in given.items()})
    runbook = str(payload.get("runbook") or "")
    if _is_web(runbook):
        found["runbook"] = runbook
    if payload.get("since") and payload.get("breaches"):
        for name, url in _of_the_time(payload).items():
            found.setdefault(name, url)
    words = _words()
    shown = [(words.get(name, name), url) for name, url in found.items() if _is_web(url)]
    return shown[:_MOST]


def _of_the_time(payload: Mapping[str, Any]) -> dict[str, str]:
    first = payload["breaches"][0]
    labels = first.get("labels") or {}
    span = _span(payload)
    where = [("where", f"{name}={value}") for name, value in sorted(labels.items())]
    chart = [("name", str(first.get("metric", ""))), *where[:10], *span]
    found = {"chart": f"{conf.base_url()}/admin/metrics/?{urlencode(chart)}"}
    service = next((str(labels[name]) for name in _SERVICE if labels.get(name)), "")
    asked = [("service", service), *span] if service else span
    found["logs"] = f"{conf.base_url()}/admin/logs/?{urlencode(asked)}"
    found["traces"] = f"{conf.base_url()}/admin/traces/?{urlencode(asked)}"
    return found


def _span(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    start = datetime.fromisoformat(payload["since"])
    end = datetime.fromisoformat(payload["ended_at"]) if payload.get("ended_at") else start
    return [("from", _iso(start - _BEFORE)), ("to", _iso(end + _AFTER))]


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _words() -> dict[str, str]:
    return {
        "episode": _("Open in Pharos"),
        "acknowledge": _("Acknowledge"),
        "runbook": _("Runbook"),
        "chart": _("Chart"),
        "logs": _("Logs"),
        "traces": _("Traces"),
        "why": _("Why this message"),
        "incident": _("Incident"),
    }
