"""A message as Slack shows it: blocks for the API, fields for incoming webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from django.utils.translation import gettext as _

from apps.alerts.delivery import wording

# docs.slack.dev/reference/block-kit/blocks: a section's text, its fields, a button's value.
_TEXT: Final = 2900
_FIELD: Final = 1900
_TITLE: Final = 250
_FIELDS: Final = 10
SILENCE_S: Final = 3600


def escaped(text: str) -> str:
    """Text that Slack shows as it is: no mention, link or channel can be made of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def attachment(words: Mapping[str, Any], *, buttons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The coloured part of a message, of blocks."""
    sections = [_section(f"*{_bold(words['title'])}*")]
    if words["purpose"] == "test":
        told = _('The channel "%(name)s" works: messages of Pharos arrive here.')
        sections.append(_section(escaped(told % {"name": words["channel"]})))
    if words["summary"]:
        sections.append(_section(escaped(words["summary"])))
    for one in words["breaches"][:_FIELDS]:
        sections.append(_section(_breach(one)))  # noqa: PERF401 (reads as the message does)
    if notes := notes_of(words):
        sections.append(
            {"type": "context", "elements": [_mrkdwn(escaped(line)) for line in notes[:10]]}
        )
    if words["links"]:
        named = " · ".join(f"<{_address(url)}|{escaped(name)}>" for name, url in words["links"])
        sections.append(_section(named))
    if buttons:
        sections.append({"type": "actions", "elements": list(buttons)})
    return {"color": words["colour"], "fallback": words["title"], "blocks": sections}


def classic(words: Mapping[str, Any]) -> dict[str, Any]:
    """The same of plain fields, which Mattermost and others that speak Slack show too."""
    text = [escaped(words["summary"])] if words["summary"] else []
    text += [_breach(one) for one in words["breaches"]]
    text += [escaped(line) for line in notes_of(words)]
    text.append(" · ".join(f"<{_address(url)}|{escaped(name)}>" for name, url in words["links"]))
    return {
        "color": words["colour"],
        "fallback": words["title"],
        "title": escaped(words["title"])[:_TITLE],
        "title_link": words["url"],
        "text": "\n".join(text)[:_TEXT],
        "mrkdwn_in": ["text"],
    }


def notes_of(words: Mapping[str, Any]) -> list[str]:
    """The lines below the breaches: how many more, since when, how it ended, a possible repeat."""
    notes = []
    if words["not_shown"]:
        notes.append(_("and %(n)d more") % {"n": words["not_shown"]})
    if words["since"] and words["purpose"] != "test":
        notes.append(_("since %(moment)s") % {"moment": words["since"]})
    if words["ended"]:
        ended = _("ended %(moment)s (%(duration)s)") % {
            "moment": words["ended"], "duration": words["duration"],
        }  # fmt: skip
        notes.append(f"{ended}, {words['reason']}" if words["reason"] else ended)
    if words["may_repeat"]:
        notes.append(_("This message may repeat one that has already arrived."))
    return notes


def buttons_for(payload: Mapping[str, Any], channel: int | None) -> list[dict[str, Any]]:
    """Acknowledge and Silence, for an alert that fires."""
    if payload.get("purpose") == "resolved" or not payload.get("episode") or channel is None:
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
    return {"type": "section", "text": _mrkdwn(text[:_TEXT])}


def _mrkdwn(text: str) -> dict[str, Any]:
    # Verbatim: no URL, channel or person is made out of plain words.
    return {"type": "mrkdwn", "text": text[:_FIELD], "verbatim": True}


def _bold(text: str) -> str:
    # A star within would end the bold stretch.
    return escaped(text).replace("*", "∗")


def _address(url: str) -> str:
    return url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
