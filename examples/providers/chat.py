"""Teams' workflows, Discord's webhooks and ntfy, with the limits they enforce."""

import itertools
from email.parser import BytesParser
from typing import Any, Final

from examples.providers.base import Call, Reply

_numbers: Final = itertools.count(10**17)


def teams(call: Call) -> Reply:
    """A workflow that posts the first card."""
    message = call.json
    if len(call.body) > 28_000:
        return Reply(413, {"error": {"code": "RequestEntityTooLarge"}})
    fits = isinstance(message, dict) and message.get("type") == "message"
    cards = message.get("attachments") if fits else None
    if not cards or cards[0].get("content", {}).get("type") != "AdaptiveCard":
        return Reply(400, {"error": {"code": "TriggerInputSchemaMismatch"}})
    return Reply(202)


def discord(call: Call) -> Reply:
    """Execute Webhook, of JSON or with files."""
    message = call.json if call.json is not None else _with_files(call)
    if not isinstance(message, dict) or not message.get("embeds"):
        return Reply(400, {"message": "Cannot send an empty message", "code": 50006})
    embed = message["embeds"][0]
    texts = [embed.get("title", ""), embed.get("description", "")]
    texts += [one["name"] + one["value"] for one in embed.get("fields", [])]
    if len(texts[0]) > 256 or len(texts[1]) > 4096 or sum(map(len, texts)) > 6000:
        return Reply(400, {"embeds": ["0"]})
    if call.query.get("wait") != "true":
        return Reply(204)
    return Reply(200, {"id": str(next(_numbers)), "embeds": message["embeds"]})


def ntfy(call: Call) -> Reply:
    """A message to a topic."""
    return Reply(200, {"id": "n1"}) if isinstance(call.json, dict) else Reply(400, {"code": 40024})


def _with_files(call: Call) -> Any:
    import json

    head = f"Content-Type: {call.headers.get('Content-Type', '')}\r\n\r\n".encode()
    for part in BytesParser().parsebytes(head + call.body).walk():
        if part.get_param("name", header="Content-Disposition") == "payload_json":
            return json.loads(part.get_payload(decode=True) or b"null")
    return None
