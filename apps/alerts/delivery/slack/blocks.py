"""A message as Slack shows it: blocks for the API, fields for incoming webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from django.utils.translation import gettext as _

from apps.alerts.delivery import wording
from apps.alerts.delivery.notes import notes_of

# docs.slack.dev/reference/block-kit/blocks: a section's text, its fields, a button's value.
_TEXT: Final = 2900
_TITLE: Final = 250
_FIELDS: Final = 10
SILENCE_S: Final = 3600


def escaped(text: str) -> str:
    """Text that Slack shows as it is: no mention, link or channel can be made of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def attachment(words: Mapping[str, Any], *, buttons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The coloured part of a message, of blocks."""
    sections = [_section(f"*{_bold(words['title'])}*")]
    if words["summary"]:
        sections.append(_section(escaped(words["summary"])))
    for one in words["breaches"][:_FIELDS]:
        sections.append(_section(_breach(one)))  # noqa: PERF401 (reads as the message does)
    if notes := notes_of(words):
        sections.append(
            {"type": "context", "elements": [_mrkdwn(escaped(line)) for line in notes[:10]]}
        )
    if words["links"]:
        sections.append(_section(_linked(words["links"])))
    if buttons:
        sections.append({"type": "actions", "elements": list(buttons)})
    return {"color": words["colour"], "fallback": escaped(words["title"]), "blocks": sections}


def classic(words: Mapping[str, Any], picture: str = "") -> dict[str, Any]:
    """The same of plain fields, which Mattermost and others that speak Slack show too."""
    text = [escaped(words["summary"])] if words["summary"] else []
    text += [_breach(one) for one in words["breaches"]]
    text += [escaped(line) for line in notes_of(words)]
    body = "\n".join(text)[: _TEXT - 1000]
    seen = {"image_url": picture} if picture else {}
    return {
        **seen,
        "color": words["colour"],
        "fallback": escaped(words["title"]),
        "title": escaped(words["title"])[:_TITLE],
        "title_link": words["url"],
        "text": f"{body}\n{_linked(words['links'], room=950)}".strip(),
        "mrkdwn_in": ["text"],
    }


def buttons_for(payload: Mapping[str, Any], channel: int | None) -> list[dict[str, Any]]:
    """Acknowledge and Silence, for an alert that fires."""
    if (
        payload.get("purpose") in ("resolved", "acknowledged")
        or not payload.get("episode")
        or channel is None
    ):
        return []
    value = orjson.dumps({"channel": channel, "episodes": episodes_of(payload)}).decode()
    return [
        _button("acknowledge", _("Acknowledge"), value, style="primary"),
        _button("silence", _("Silence for 1 h"), value),
    ]


def episodes_of(payload: Mapping[str, Any]) -> list[str]:
    """Ids of the episodes a message tells of, its own first; at most 30 fit into a button."""
    listed = [str(one["episode"]) for one in payload.get("breaches", []) if one.get("episode")]
    return list(dict.fromkeys([str(payload["episode"]), *listed]))[:30]


def _button(action: str, label: str, value: str, style: str = "") -> dict[str, Any]:
    button = {
        "type": "button",
        "action_id": f"pharos_{action}",
        "text": {"type": "plain_text", "text": label[:75]},
        "value": value,
    }
    return {**button, "style": style} if style else button


def _breach(one: Mapping[str, Any]) -> str:
    name = f"{one['metric']} ({one['aggregation']})" if one["aggregation"] else one["metric"]
    line = f"*{_bold(one['severity'])}* {escaped(name)} = {escaped(wording.breach_line(one))}"
    return f"{line}\n{escaped(one['labels'])}" if one["labels"] else line


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    # Verbatim: no URL, channel or person is made out of plain words.
    return {"type": "mrkdwn", "text": text[:_TEXT], "verbatim": True}


def _bold(text: str) -> str:
    # A star within would end the bold stretch.
    return escaped(text).replace("*", "∗")


def _linked(links: Sequence[tuple[str, str]], room: int = _TEXT) -> str:
    """Links side by side, as many as fit whole."""
    shown: list[str] = []
    for name, url in links:
        link = f"<{_address(url)}|{escaped(name)}>"
        room -= len(link) + 3
        if room < 0:
            break
        shown.append(link)
    return " · ".join(shown)


def _address(url: str) -> str:
    return url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
