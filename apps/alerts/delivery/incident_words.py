"""The words of messages about incidents."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.alerts.incident_machine import SEVERITIES, STATUSES


def title(payload: Mapping[str, Any]) -> str:
    """The title of such a message: what has become of the incident; empty for all others."""
    told = _told(payload)
    if not told:
        return ""
    words = {
        "title": told.get("title", ""),
        "severity": _word(SEVERITIES, told.get("severity")),
        "status": _word(STATUSES, told.get("status")),
        "into": told.get("into"),
    }
    event = told.get("event")
    if event == "severity":
        return _("[Incident, now %(severity)s] %(title)s") % words
    if event == "reopened":
        return _("[Incident opened again] %(title)s") % words
    if event == "merged":
        return _("[Incident is part of #%(into)s] %(title)s") % words
    if event == "status":
        return _("[Incident: %(status)s] %(title)s") % words
    return _("[Incident, %(severity)s] %(title)s") % words


def summary(payload: Mapping[str, Any]) -> str:
    """What such a message tells below its title, a sentence a line; empty for all others."""
    told = _told(payload)
    if not told:
        return ""
    lines = [_happened(told)]
    if told.get("event") != "declared" and told.get("text"):
        lines.append(str(told["text"]))
    if told.get("event") in ("declared", "episodes_linked", "reopened") and told.get("summary"):
        lines.append(str(told["summary"]))
    if told.get("services"):
        lines.append(_("Services: %(names)s") % {"names": ", ".join(told["services"])})
    if told.get("rules"):
        lines.append(_("Alerts: %(names)s") % {"names": ", ".join(told["rules"])})
    return "\n".join(line for line in lines if line)


def _happened(told: Mapping[str, Any]) -> str:
    by = _who(str(told.get("by", "")))
    words = {"by": by, "n": told.get("id"), "into": told.get("into")}
    event = str(told.get("event"))
    if event in ("severity", "status"):
        known = SEVERITIES if event == "severity" else STATUSES
        changed = {name: _word(known, told.get(name)) for name in ("before", "after")}
        return _("#%(n)s: from %(before)s to %(after)s, by %(by)s.") % {**words, **changed}
    if event == "reopened":
        return _("#%(n)s was opened again by %(by)s.") % words
    if event == "merged":
        return _("#%(n)s goes on as #%(into)s, says %(by)s.") % words
    if event == "episodes_linked":
        return _("#%(n)s now has an alert of yours.") % words
    return _("#%(n)s was declared by %(by)s.") % words


def _who(by: str) -> str:
    return _("Pharos itself") if by == "system" else by


def _told(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    if payload.get("purpose") != "incident":
        return {}
    told = payload.get("incident")
    return told if isinstance(told, Mapping) else {}


def _word(known: list[tuple[str, Any]], value: Any) -> str:
    return str(dict(known).get(str(value), value or ""))
