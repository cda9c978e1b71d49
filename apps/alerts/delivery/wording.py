"""The words of a message, from its payload."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from apps.alerts.delivery import incident_words, links, quiet_words

_COLOURS: Final = {"critical": "#b91c1c", "warning": "#b45309", "resolved": "#15803d"}
_NEUTRAL: Final = "#374151"
_BYTES: Final = ["B", "KiB", "MiB", "GiB", "TiB"]


def context(payload: Mapping[str, Any], *, may_repeat: bool = False) -> dict[str, Any]:
    """What the templates need: translated, formatted, on one line where a header needs it."""
    purpose = str(payload.get("purpose", ""))
    rule = payload.get("rule") or {}
    return {
        "title": _one_line(_title(payload)),
        "purpose": purpose,
        "stands": stands(payload),
        "summary": quiet_words.summary(payload)
        or incident_words.summary(payload)
        or str(payload.get("summary") or rule.get("summary") or ""),
        "tone": tone(payload),
        "colour": _COLOURS.get(tone(payload), _NEUTRAL),
        "labels": _labels(payload.get("scope") or {}),
        "breaches": [_breach(one) for one in payload.get("breaches", [])],
        "not_shown": payload.get("breaches_not_shown", 0),
        "links": links.evidence(payload),
        "recovered": [_breach(one) for one in payload.get("ended") or []],
        "recovered_not_shown": payload.get("ended_not_shown", 0),
        "since": _moment(payload.get("since")),
        "ended": _moment(payload.get("ended_at")),
        "duration": duration(payload.get("duration_s")),
        "reason": _reason(str(payload.get("reason", ""))),
        "url": payload.get("url", ""),
        "may_repeat": may_repeat,
        "channel": payload.get("channel", ""),
    }


def tone(payload: Mapping[str, Any]) -> str:
    """What colours a message: critical, warning, resolved, or "" for what is neither."""
    if stands(payload) in ("resolved", "test"):
        return "resolved"
    severity = str(payload.get("severity", ""))
    return severity if severity in _COLOURS else ""


def stands(payload: Mapping[str, Any]) -> str:
    """How what a message tells of stands: its purpose, of an incident resolved or acknowledged."""
    purpose = str(payload.get("purpose", ""))
    if purpose != "incident":
        return purpose
    known = {"resolved": "resolved", "closed": "resolved", "acknowledged": "acknowledged"}
    return known.get(str((payload.get("incident") or {}).get("status")), purpose)


def said_in(language: str) -> AbstractContextManager[None]:
    """The language of a channel, or the portal's own; every text of a message is made within."""
    return translation.override(language or settings.LANGUAGE_CODE)


def text(words: Mapping[str, Any]) -> str:
    """The plain-text message, from its `context`, without trailing space."""
    lines = (line.rstrip() for line in render_to_string("alerts/message.txt", words).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def breach_line(one: Mapping[str, Any]) -> str:
    """A breach's value beside its threshold: `0.95 (threshold > 0.9, worst 0.97)`."""
    if not one["threshold"]:
        return str(one["value"])
    words = {"threshold": f"{one['sign']} {one['threshold']}", "worst": one["worst"]}
    beside = _("threshold %(threshold)s, worst %(worst)s") % words
    return f"{one['value']} ({beside})"


def figure(value: float | None, unit: str, aggregation: str = "") -> str:
    """A value as people read it: `93 %`, `512 ms`, `1.5 GiB`."""
    if value is None:
        return _("no data")
    if aggregation == "ratio" or unit in ("1%", "%"):
        return f"{value * (100 if aggregation == 'ratio' else 1):.4g} %"
    if unit == "s" and abs(value) < 1:
        return f"{value * 1000:.4g} ms"
    if unit == "By":
        return _bytes(value)
    shown = "" if unit in ("", "1") or unit.startswith("{") else f" {unit}"
    return f"{value:.6g}{shown}"


def duration(seconds: float | None) -> str:
    """`2 d 3 h`, `1 h 05 min`, `5 min`, `3 min 20 s`, `12 s`; empty for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return _("%(d)d d %(h)d h") % {"d": hours // 24, "h": hours % 24}
    if hours:
        words = _("%(h)d h %(m)02d min") if minutes else _("%(h)d h")
        return words % {"h": hours, "m": minutes}
    if minutes:
        words = _("%(m)d min %(s)02d s") if rest else _("%(m)d min")
        return words % {"m": minutes, "s": rest}
    return _("%(s)d s") % {"s": rest}


def _title(payload: Mapping[str, Any]) -> str:
    purpose = payload.get("purpose")
    if purpose == "test":
        if not payload.get("test"):
            return _("Test message from Pharos")
        return _("[TEST] %(title)s") % {"title": _title({**payload, "purpose": "firing"})}
    if payload.get("title"):
        return str(payload["title"])
    scope = _labels(payload.get("scope", {}))
    words = {
        "severity": _severity(str(payload.get("severity", ""))),
        "rule": payload.get("rule", {}).get("name", ""),
        "scope": f" ({scope})" if scope else "",
    }
    words |= {
        "by": str(payload.get("by", "")),
        "level": (payload.get("escalation") or {}).get("level", ""),
    }
    if special := quiet_words.title(payload, words) or incident_words.title(payload):
        return special
    titles = {
        "acknowledged": _("[Acknowledged by %(by)s] %(rule)s%(scope)s"),
        "escalation": _("[%(severity)s, level %(level)s] %(rule)s%(scope)s"),
        "resolved": _("[Resolved] %(rule)s%(scope)s"),
    }
    return titles.get(str(purpose), _("[%(severity)s] %(rule)s%(scope)s")) % words


def _breach(one: Mapping[str, Any]) -> dict[str, Any]:
    unit, aggregation = str(one.get("unit", "")), str(one.get("aggregation", ""))
    severity = str(one.get("severity", ""))
    return {
        "rule": one.get("rule", ""),
        # What another system tells of may have no metric, and no threshold that it names.
        "metric": one.get("metric") or one.get("rule", ""),
        "aggregation": aggregation,
        "value": figure(one.get("value"), unit, aggregation),
        "worst": figure(one.get("worst"), unit, aggregation),
        "threshold": (
            "" if one.get("threshold") is None else figure(one.get("threshold"), unit, aggregation)
        ),
        "sign": "<" if one.get("direction") == "below" else ">",
        "severity": _severity(severity),
        "tone": severity,
        "colour": _COLOURS.get(severity, _NEUTRAL),
        "labels": _labels(one.get("labels", {})),
        "since": _moment(one.get("since")),
    }


def _severity(severity: str) -> str:
    return {"critical": _("Critical"), "warning": _("Warning")}.get(severity, severity)


def _reason(reason: str) -> str:
    return {
        "ok": _("back to normal"),
        "nodata": _("no more data; not seen to be well"),
        "missing_series": _("the series is gone; not seen to be well"),
        "paused": _("the rule was paused"),
        "changed": _("the rule watches something else now; not seen to be well"),
        "deleted": _("the rule was deleted"),
    }.get(reason, "")


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _moment(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S} UTC" if iso else ""


def _bytes(value: float) -> str:
    size, unit = float(value), 0
    while abs(size) >= 1024 and unit < len(_BYTES) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.4g} {_BYTES[unit]}"


def _one_line(text: str) -> str:
    # A rule's name or a label may hold line breaks; a mail header must not.
    return " ".join(text.split())[:200]
