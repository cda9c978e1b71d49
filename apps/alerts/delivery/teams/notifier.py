"""Adaptive cards for Microsoft Teams, posted to the URL of a workflow."""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery import chart, wording
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import checked_url
from apps.alerts.delivery.http import Caller, FailedError
from apps.alerts.delivery.notes import notes_of
from apps.alerts.models import Outcome

# learn.microsoft.com/microsoftteams: a message has at most 28 KB.
_BYTES: Final = 26_000
_COLOUR: Final = {"critical": "Attention", "warning": "Warning", "resolved": "Good"}
_STYLE: Final = {"critical": "attention", "warning": "warning", "resolved": "good"}
_BREACHES: Final = 10
_MARKUP: Final = re.compile(r"([\\\[\]()*_`~#>|])")
_ACTIONS: Final = 6


class TeamsNotifier(Notifier, kind="teams"):
    """To a channel or chat of Teams."""

    label = "Microsoft Teams"
    target_label = _("Workflow URL")
    target_help = _("Of a workflow that posts to a channel when a webhook request is received.")

    def validate(self, target: str) -> str:
        """A URL."""
        return checked_url(target)

    def send(self, envelope: Envelope) -> Delivered:
        with wording.said_in(envelope.language):
            words = wording.context(envelope.payload, may_repeat=envelope.may_repeat)
            message = message_of(words, chart.url_for(envelope.payload))
        try:
            answer = Caller("Teams").json(envelope.target, message)
        except FailedError as error:
            return error.delivered
        return Delivered(Outcome.OK, answer.status)


def message_of(words: Mapping[str, Any], picture: str = "") -> dict[str, Any]:
    """The card in its message, with as many breaches as fit."""
    for shown in range(_BREACHES, -1, -1):
        message = _message(words, shown, picture)
        if len(orjson.dumps(message)) <= _BYTES:
            break
    return message


def escaped(text: str) -> str:
    """Text that a card shows as it is: no link or emphasis can be made of it."""
    return _MARKUP.sub(r"\\\1", text)


def _message(words: Mapping[str, Any], shown: int, picture: str) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [_heading(words), *_body(words, shown), *_picture(picture)],
        "actions": [
            {"type": "Action.OpenUrl", "title": name, "url": url}
            for name, url in words["links"][:_ACTIONS]
        ],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


def _heading(words: Mapping[str, Any]) -> dict[str, Any]:
    title = _block(words["title"], weight="Bolder", size="Medium")
    if colour := _COLOUR.get(words["tone"]):
        title["color"] = colour
    return {
        "type": "Container",
        "style": _STYLE.get(words["tone"], "emphasis"),
        "bleed": True,
        "items": [title],
    }


def _body(words: Mapping[str, Any], shown: int) -> list[dict[str, Any]]:
    parts = [_block(words["summary"][:2000])] if words["summary"] else []
    for one in words["breaches"][:shown]:
        name = f"{one['metric']} ({one['aggregation']})" if one["aggregation"] else one["metric"]
        value = _block(f"{one['severity']}: {name} = {wording.breach_line(one)}", weight="Bolder")
        if colour := _COLOUR.get(one["tone"]):
            value["color"] = colour
        parts.append(value)
        if one["labels"]:
            parts.append(_block(one["labels"], isSubtle=True, spacing="None"))
    left_out = max(0, len(words["breaches"]) - shown)
    noted = notes_of({**words, "not_shown": words["not_shown"] + left_out})
    return parts + [_block(line, isSubtle=True, size="Small") for line in noted]


def _picture(url: str) -> list[dict[str, Any]]:
    if not url:
        return []
    alt = gettext("Chart of the metric with its threshold")
    return [{"type": "Image", "url": url, "altText": alt, "size": "Stretch"}]


def _block(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escaped(text), "wrap": True, **look}
