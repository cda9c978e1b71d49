"""Slack's Web API and incoming webhooks, as far as Pharos uses them."""

import itertools
import time
from typing import Any, Final

from examples.providers.base import Call, Reply

# docs.slack.dev/reference/block-kit/blocks/section-block and messaging limits.
_SECTION: Final = 3000
_PEOPLE: Final = {"U0KNOWN": "dev@example.com"}
_messages: list[dict[str, Any]] = []
_numbers = itertools.count(1)


def answer(call: Call) -> Reply:
    """One call of the API, or of a webhook."""
    if call.path.startswith("hook"):
        fits = isinstance(call.json, dict) and call.json.get("text")
        return Reply(200, "ok") if fits else Reply(400, "invalid_payload")
    if call.path.startswith("upload"):
        return Reply(200, "OK")
    if call.headers.get("Authorization") != "Bearer xoxb-good":
        return _no("invalid_auth")
    method = _METHODS.get(call.path)
    return method(call) if method else _no("unknown_method")


def _post(call: Call) -> Reply:
    body = call.json
    if not isinstance(body, dict) or not body.get("channel"):
        return _no("invalid_arguments")
    if body["channel"] == "C0MISSING":
        return _no("channel_not_found")
    for one in body.get("attachments", []):
        for block in one.get("blocks", []):
            text = (block.get("text") or {}).get("text", "")
            if len(text) > _SECTION:
                return _no("invalid_blocks")
    ts = f"{int(time.time())}.{next(_numbers):06d}"
    _messages.append({**body, "ts": ts})
    return Reply(200, {"ok": True, "channel": body["channel"], "ts": ts})


def _update(call: Call) -> Reply:
    for one in _messages:
        if one["ts"] == call.json.get("ts") and one["channel"] == call.json.get("channel"):
            one.update(call.json)
            return Reply(200, {"ok": True, "ts": one["ts"]})
    return _no("message_not_found")


def _history(call: Call) -> Reply:
    asked = call.form
    thread = asked.get("ts")
    found = [
        one for one in _messages
        if one["channel"] == asked.get("channel")
        and (thread is None or thread in (one["ts"], one.get("thread_ts")))
    ]  # fmt: skip
    return Reply(200, {"ok": True, "messages": found[-100:]})


def _person(call: Call) -> Reply:
    email = _PEOPLE.get(call.form.get("user", ""))
    if email is None:
        return _no("user_not_found")
    return Reply(200, {"ok": True, "user": {"id": call.form["user"], "profile": {"email": email}}})


def _place(call: Call) -> Reply:
    host = call.headers.get("Host", "")
    url = f"http://{host}/slack/ok/upload/1"
    return Reply(200, {"ok": True, "upload_url": url, "file_id": "F0FILE"})


def _no(code: str) -> Reply:
    return Reply(200, {"ok": False, "error": code})


_METHODS: Final = {
    "chat.postMessage": _post,
    "chat.update": _update,
    "conversations.history": _history,
    "conversations.replies": _history,
    "users.info": _person,
    "files.getUploadURLExternal": _place,
    "files.completeUploadExternal": lambda _call: Reply(200, {"ok": True, "files": []}),
}
