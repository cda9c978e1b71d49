"""A message in few words, from its payload."""

import base64
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.alerts import conf
from apps.alerts.delivery import wording
from apps.alerts.delivery.phone.gsm import fit

_SEGMENTS: Final = 3
_BREACHES: Final = 3


def sms(payload: Mapping[str, Any], *, may_repeat: bool) -> str:
    """At most three segments: title, figures, link. The link is never cut."""
    known = wording.context(payload, may_repeat=may_repeat)
    if payload.get("purpose") == "test":
        head = f"Pharos: {known['title']}"
    else:
        head = "\n".join([known["title"], *_figures(known)])
    if may_repeat:
        # Told where nobody overlooks it: a telephone cannot recognise a repeat by itself.
        head = _("(May repeat) %(text)s") % {"text": head}
    return fit(head, "\n" + link(payload), _SEGMENTS)


def link(payload: Mapping[str, Any]) -> str:
    """A short address of the episode, else the message's own."""
    try:
        return f"{conf.base_url()}/a/{short(uuid.UUID(str(payload.get('episode'))))}"
    except ValueError:
        return str(payload.get("url") or conf.base_url())


def short(episode: uuid.UUID) -> str:
    """22 letters that stand for an episode."""
    return base64.urlsafe_b64encode(episode.bytes).decode().rstrip("=")


def long(letters: str) -> uuid.UUID | None:
    """The episode 22 letters stand for; None when they stand for none."""
    try:
        return uuid.UUID(bytes=base64.b64decode(letters + "==", altchars=b"-_", validate=True))
    except ValueError:
        return None


def _figures(known: Mapping[str, Any]) -> list[str]:
    shown = [
        f"{one['metric']} {one['value']} {one['sign']} {one['threshold']}"
        for one in known["breaches"][:_BREACHES]
    ]
    more = len(known["breaches"]) - len(shown) + int(known["not_shown"] or 0)
    return [*shown, _("and %(n)d more") % {"n": more}] if more else shown


def _first(name: str) -> Callable[[Mapping[str, Any]], str]:
    def read(known: Mapping[str, Any]) -> str:
        breaches = known["breaches"]
        return str(breaches[0][name]) if breaches else ""

    return read


# What a variable of an approved template may stand for.
FACTS: Final[dict[str, tuple[Any, Callable[[Mapping[str, Any]], str]]]] = {
    "title": (gettext_lazy("Title"), lambda known: str(known["title"])),
    "severity": (gettext_lazy("Severity"), _first("severity")),
    "metric": (gettext_lazy("Metric"), _first("metric")),
    "value": (gettext_lazy("Value"), _first("value")),
    "threshold": (
        gettext_lazy("Threshold"),
        lambda known: f"{_first('sign')(known)} {_first('threshold')(known)}".strip(),
    ),
    "labels": (gettext_lazy("Labels"), _first("labels")),
    "since": (gettext_lazy("Since"), lambda known: str(known["since"])),
    "summary": (gettext_lazy("Summary"), lambda known: str(known["summary"])),
    "link": (gettext_lazy("Link"), lambda known: str(known["link"])),
}


def facts(payload: Mapping[str, Any], *, may_repeat: bool) -> dict[str, str]:
    """Every fact of a message by its name, each on one line."""
    known = {**wording.context(payload, may_repeat=may_repeat), "link": link(payload)}
    if may_repeat:
        known["title"] = _("(May repeat) %(text)s") % {"text": known["title"]}
    return {name: " ".join(read(known).split()) for name, (_label, read) in FACTS.items()}
