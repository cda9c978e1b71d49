"""Moments of a timeline as sentences, in the language of whoever reads."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.alerts.incident_machine import ROLES, SEVERITIES, STATUSES
from apps.alerts.incidents.timeline import Moment
from apps.alerts.models import Purpose

_WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "status": dict(STATUSES), "severity": dict(SEVERITIES), "role": dict(ROLES),
}  # fmt: skip
_ALERT: Final = {
    "opened": gettext_lazy("began to breach"),
    "cancelled": gettext_lazy("was back to normal before it fired"),
    "fired": gettext_lazy("fires"),
    "severity_raised": gettext_lazy("got worse"),
    "severity_changed": gettext_lazy("changed its severity"),
    "recovering": gettext_lazy("recovers"),
    "fired_again": gettext_lazy("fires again"),
    "resolved": gettext_lazy("ended"),
    "acknowledged": gettext_lazy("was acknowledged"),
    "unacknowledged": gettext_lazy("is no longer acknowledged"),
}
_NOTIFICATION: Final = {
    "sent": gettext_lazy("was told"),
    "dead": gettext_lazy("could not be told"),
    "pending": gettext_lazy("is to be told"),
    "sending": gettext_lazy("is being told"),
}

_PURPOSES: Final = dict(Purpose.choices)


def sentence(moment: Moment) -> str:
    """What happened, in one line; who did it where somebody did."""
    told = _OF[moment.origin](moment)
    if moment.actor and moment.actor != "system":
        return f"{moment.actor}: {told}"
    return told


def _incident(moment: Moment) -> str:
    detail = moment.detail
    tell = _INCIDENT.get(moment.kind)
    text = tell(detail, moment.text) if tell else moment.kind.replace("_", " ")
    if detail.get("reason") == "episodes_ended":
        return " ".join((text, _("All its alerts have ended.")))
    if detail.get("reason") == "came_back":
        return " ".join((text, _("It came back.")))
    return text


def _alert(moment: Moment) -> str:
    words = str(_ALERT.get(moment.kind, moment.kind.replace("_", " ")))
    labels = moment.detail.get("labels") or {}
    scope = ", ".join(f"{key}={value}" for key, value in sorted(labels.items())[:6])
    where = f" ({scope})" if scope else ""
    return f"{moment.text}{where} {words}"


def _notification(moment: Moment) -> str:
    words = str(_NOTIFICATION.get(moment.kind, moment.kind))
    purpose = moment.detail.get("purpose", "")
    channel = moment.text or _("A deleted channel")
    return f"{channel} {words}: {_PURPOSES.get(purpose, purpose)}"


def _deployment(moment: Moment) -> str:
    return _("%(what)s went live") % {"what": moment.text}


def _word(kind: str, value: Any) -> str:
    return str(_WORDS[kind].get(str(value), value))


def _status(detail: Mapping[str, Any], text: str) -> str:
    words = _("Status: %(after)s.") % {"after": _word("status", detail.get("after"))}
    return f"{words} {text}".strip()


def _severity(detail: Mapping[str, Any], _text: str) -> str:
    before, after = (_word("severity", detail.get(key)) for key in ("before", "after"))
    return _("Severity: %(after)s, before: %(before)s.") % {"before": before, "after": after}


def _role(detail: Mapping[str, Any], _text: str) -> str:
    role = _word("role", detail.get("role"))
    return f"{role}: {detail.get('person') or _('nobody')}"


def _linked(detail: Mapping[str, Any], _text: str) -> str:
    rules = ", ".join(detail.get("rules", []))
    count = detail.get("n") or 0
    words = ngettext(
        "%(n)d alert belongs to it: %(rules)s", "%(n)d alerts belong to it: %(rules)s", count
    )
    return words % {"n": count, "rules": rules}


_INCIDENT: Final[dict[str, Any]] = {
    "declared": lambda _detail, text: _("Declared: %(title)s") % {"title": text},
    "status": _status,
    "reopened": lambda _detail, text: " ".join((_("Opened again."), text)).strip(),
    "severity": _severity,
    "title": lambda detail, _text: _("Title: %(after)s") % {"after": detail.get("after")},
    "summary": lambda _detail, _text: _("The summary was changed."),
    "role": _role,
    "comment": lambda _detail, text: text,
    "task": lambda _detail, text: _("Task: %(text)s") % {"text": text},
    "task_done": lambda _detail, text: _("Task done: %(text)s") % {"text": text},
    "task_dropped": lambda _detail, text: _("Task dropped: %(text)s") % {"text": text},
    "task_todo": lambda _detail, text: _("Task to do again: %(text)s") % {"text": text},
    "link": lambda detail, text: _("Evidence: %(what)s") % {"what": text or detail.get("ref")},
    "episodes_linked": _linked,
    "merged": lambda detail, _text: _("Merged into #%(n)s.") % {"n": detail.get("into")},
    "absorbed": lambda detail, text: (
        _("#%(n)s is the same: %(title)s") % {"n": detail.get("incident"), "title": text}
    ),
    "postmortem": lambda detail, _text: (
        _("Post-mortem, version %(n)s.") % {"n": detail.get("version")}
    ),
    "published": lambda detail, text: (
        _("Published on %(page)s: %(text)s") % {"page": detail.get("page"), "text": text}
    ),
}
_OF: Final = {
    "incident": _incident,
    "alert": _alert,
    "notification": _notification,
    "deployment": _deployment,
}
