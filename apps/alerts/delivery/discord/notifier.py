"""Embeds for Discord, posted to a channel's webhook."""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.utils.translation import gettext_lazy as _
from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from apps.alerts.delivery import wording
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import checked_url
from apps.alerts.delivery.http import Caller, FailedError, parsed
from apps.alerts.delivery.notes import notes_of
from apps.alerts.models import Outcome
from apps.core.outgoing import Answer

# discord.com/developers/docs/resources/message, embed limits; 6000 characters in all.
_TITLE: Final = 256
_DESCRIPTION: Final = 2000
_NAME: Final = 256
_VALUE: Final = 300
_FIELDS: Final = 10
_MARKUP: Final = re.compile(r"([\\\[\]()*_`~#>|@<:-])")


class DiscordNotifier(Notifier, kind="discord"):
    """To a channel of Discord."""

    label = "Discord"
    target_label = _("Webhook URL")
    target_help = _("Of the channel: Edit channel, Integrations, Webhooks.")

    def validate(self, target: str) -> str:
        """A URL."""
        return checked_url(target)

    def send(self, envelope: Envelope) -> Delivered:
        with wording.said_in(envelope.language):
            words = wording.context(envelope.payload, may_repeat=envelope.may_repeat)
            message = message_of(words)
        caller = Caller("Discord")
        # Without `wait` the answer comes before the message is stored, and tells no id.
        mark = "&" if "?" in envelope.target else "?"
        url, chart = f"{envelope.target}{mark}wait=true", envelope.chart()
        try:
            answer = (
                _with_chart(caller, url, message, chart) if chart else caller.json(url, message)
            )
        except FailedError as error:
            return error.delivered
        found = parsed(answer) or {}
        return Delivered(Outcome.OK, answer.status, provider_id=str(found.get("id", ""))[:255])


def _with_chart(caller: Caller, url: str, message: dict[str, Any], chart: bytes) -> Answer:
    message["embeds"][0]["image"] = {"url": "attachment://chart.png"}
    fields = [
        RequestField("payload_json", orjson.dumps(message), None, {}),
        RequestField("files[0]", chart, "chart.png", {}),
    ]
    fields[0].make_multipart(content_type="application/json")
    fields[1].make_multipart(content_type="image/png")
    body, kind = encode_multipart_formdata(fields)
    return caller.post(url, body, {"Content-Type": kind})


def message_of(words: Mapping[str, Any]) -> dict[str, Any]:
    """The embed in its message. Nobody is mentioned, whatever the text says."""
    embed = {
        "title": escaped(words["title"])[:_TITLE],
        "description": _description(words)[:_DESCRIPTION],
        "color": int(words["colour"].lstrip("#"), 16),
        "fields": [_field(one) for one in words["breaches"][:_FIELDS]],
    }
    if words["url"].startswith(("http://", "https://")):
        embed["url"] = words["url"]
    return {"username": "Pharos", "embeds": [embed], "allowed_mentions": {"parse": []}}


def escaped(text: str) -> str:
    """Text that Discord shows as it is."""
    return _MARKUP.sub(r"\\\1", text)


def _description(words: Mapping[str, Any]) -> str:
    left_out = max(0, len(words["breaches"]) - _FIELDS)
    noted = notes_of({**words, "not_shown": words["not_shown"] + left_out})
    lines = [escaped(words["summary"])[:1000], *(escaped(line) for line in noted)]
    room = _DESCRIPTION - len("\n".join(lines))
    links: list[str] = []
    for name, url in words["links"]:
        link = f"[{escaped(name)}](<{url}>)"
        room -= len(link) + 3
        if room < 0:
            break
        links.append(link)
    return "\n".join(line for line in [*lines, " · ".join(links)] if line)


def _field(one: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{one['metric']} ({one['aggregation']})" if one["aggregation"] else one["metric"]
    value = f"{escaped(wording.breach_line(one))}\n{escaped(one['labels'])}".strip()
    return {"name": escaped(f"{one['severity']}: {name}")[:_NAME], "value": value[:_VALUE]}
