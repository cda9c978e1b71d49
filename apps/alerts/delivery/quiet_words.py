"""The words of messages about quiet: an alert flaps, or many messages came as one."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def title(payload: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """The title of such a message; empty for all others. `words`: rule and scope, translated."""
    purpose = payload.get("purpose")
    if purpose == "flapping":
        if (payload.get("flapping") or {}).get("started"):
            return _("[Flapping] %(rule)s%(scope)s") % words
        return _("[No longer flapping] %(rule)s%(scope)s") % words
    if purpose == "digest":
        n = int((payload.get("digest") or {}).get("count", 0))
        return ngettext("[Digest] %(n)d message", "[Digest] %(n)d messages", n) % {"n": n}
    return ""


def summary(payload: Mapping[str, Any]) -> str:
    """What such a message tells below its title; empty for all others."""
    purpose = payload.get("purpose")
    if purpose == "flapping":
        return _flapping(payload.get("flapping") or {})
    if purpose == "digest":
        return _digest(payload.get("digest") or {})
    return ""


def _flapping(told: Mapping[str, Any]) -> str:
    if (many := int(told.get("alerts") or 1)) > 1:
        return _flapping_together(told, many)
    if not told.get("started"):
        now = _("It fires.") if told.get("firing") else _("It is back to normal.")
        return _("It has come to rest.") + " " + now
    n = int(told.get("changes_in_an_hour", 0))
    changes = ngettext(
        "It changed %(n)d time within the last hour.",
        "It changed %(n)d times within the last hour.",
        n,
    ) % {"n": n}
    return changes + " " + _("Its warnings are held back until it comes to rest.")


def _flapping_together(told: Mapping[str, Any], n: int) -> str:
    if told.get("started"):
        words = _("%(n)d of its alerts fire and end in turns.") % {"n": n}
        return words + " " + _("Their warnings are held back until they come to rest.")
    now = _("They fire.") if told.get("firing") else _("They are back to normal.")
    return _("%(n)d of its alerts have come to rest.") % {"n": n} + " " + now


def _digest(told: Mapping[str, Any]) -> str:
    counts = told.get("by_severity") or {}
    names = (("critical", _("Critical")), ("warning", _("Warning")))
    shown = ", ".join(f"{name}: {counts[key]}" for key, name in names if counts.get(key))
    why = _("More came than this channel takes; these were held back and are told together.")
    return f"{why} {shown}".strip()
