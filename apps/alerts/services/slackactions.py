"""Buttons pressed in Slack: whose press it was, and what it does."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from apps.alerts.clock import db_now
from apps.alerts.delivery import unpacked
from apps.alerts.delivery.http import Caller, FailedError
from apps.alerts.delivery.slack.api import BASE, Api
from apps.alerts.delivery.slack.blocks import SILENCE_S, escaped
from apps.alerts.delivery.slack.signature import genuine
from apps.alerts.machine import OPEN
from apps.alerts.models import Channel, Episode, Silence
from apps.alerts.services import acknowledgements, silences
from apps.core.vault import SealBrokenError

# Slack waits three seconds for an answer to a press.
_ASK_S: Final = 1.5
_MOST_EPISODES: Final = 30
_MOST_BYTES: Final = 200_000


class NotGenuineError(Exception):
    """The request is not Slack's, or not for a channel of ours."""


@dataclass(frozen=True)
class Press:
    """One press of a button, known to be Slack's."""

    channel: Channel
    action: str
    episodes: tuple[UUID, ...]
    slack_user: str
    reply_to: str
    thread_ts: str


@dataclass(frozen=True)
class Answer:
    """What is said to who pressed; `everyone`: to the whole channel, in the thread."""

    text: str
    everyone: bool


def read(body: bytes, timestamp: str, signature: str) -> Press:
    """The press in a request. Raises NotGenuineError."""
    if len(body) > _MOST_BYTES:
        raise NotGenuineError
    try:
        told = orjson.loads(parse_qs(body.decode()).get("payload", [""])[0])
        pressed = told["actions"][0]
        # Names the secret to check with; nothing else of it is believed before that.
        value = orjson.loads(pressed["value"])
        channel = Channel.objects.get(pk=int(value["channel"]), kind="slack", enabled=True)
        secret = unpacked(channel.secret).get("signing_secret", "")
        if not genuine(secret, timestamp, body, signature, time.time()):
            raise NotGenuineError
        return Press(
            channel=channel,
            action=str(pressed["action_id"]),
            episodes=tuple(UUID(one) for one in value["episodes"][:_MOST_EPISODES]),
            slack_user=str(told["user"]["id"])[:64],
            reply_to=str(told.get("response_url", "")),
            thread_ts=str((told.get("container") or {}).get("message_ts", "")),
        )
    except (
        ValueError, LookupError, TypeError, AttributeError, SealBrokenError, OverflowError,
        Channel.DoesNotExist,
    ):  # fmt: skip
        raise NotGenuineError from None


def act(press: Press) -> Answer:
    """Do what the button says, in the name of who pressed it."""
    user = _user(press)
    if user is None:
        text = _("Pharos does not know who you are: ask for a line in the channel's settings.")
        return Answer(text, everyone=False)
    needed = {
        "pharos_acknowledge": "alerts.add_acknowledgement", "pharos_silence": "alerts.add_silence",
    }.get(press.action)  # fmt: skip
    if needed is None:
        return Answer(_("This button is not known any more."), everyone=False)
    if not user.has_perm(needed):
        return Answer(_("You may not do that in Pharos."), everyone=False)
    name = user.get_username()
    found = list(Episode.objects.filter(pk__in=press.episodes, state__in=OPEN))
    if not found:
        return Answer(_("There is nothing left to do: it has ended."), everyone=False)
    if press.action == "pharos_silence":
        _silence(found, name)
        return Answer(_("%(name)s silenced this for one hour.") % {"name": name}, everyone=True)
    acknowledgements.acknowledge(found, name, note=_("by a button in Slack"))
    return Answer(_("%(name)s acknowledged this.") % {"name": name}, everyone=True)


def reply(press: Press, answer: Answer) -> None:
    """Tell Slack what came of it. An aid only: whatever fails is let go."""
    if not _may_be_told(press):
        return
    body: dict[str, Any] = {
        "text": escaped(answer.text),
        "replace_original": False,
        "response_type": "in_channel" if answer.everyone else "ephemeral",
    }
    if answer.everyone and press.thread_ts:
        body["thread_ts"] = press.thread_ts
    try:
        Caller("Slack", budget_s=_ASK_S).json(press.reply_to, body)
    except FailedError:
        return


def _silence(episodes: list[Episode], by: str) -> None:
    until = db_now() + timedelta(seconds=SILENCE_S)
    for one in episodes:
        matchers = silences.for_episode(one)
        wish = silences.Wish(matchers, until, _("For one hour, by a button in Slack"))
        stored = [each.as_json() for each in silences.checked(matchers)]
        # A second press is the same wish.
        if not Silence.objects.filter(
            stored_matchers=stored, ends_at__gt=until - timedelta(minutes=5)
        ).exists():
            silences.create(wish, by)


def _user(press: Press) -> User | None:
    """Who pressed: as the channel's settings say, else by the e-mail address Slack knows."""
    config = press.channel.config
    known: Mapping[str, str] = config.get("users") or {}
    staff = User.objects.filter(is_active=True, is_staff=True)
    if press.slack_user in known:
        return staff.filter(username=known[press.slack_user]).first()
    token = unpacked(press.channel.secret).get("token", "")
    if not token:
        return None
    try:
        api = Api(config.get("base_url", ""), token, budget_s=_ASK_S)
        told = api.read("users.info", {"user": press.slack_user})
    except FailedError:
        return None
    email = str(((told.get("user") or {}).get("profile") or {}).get("email") or "")
    found = list(staff.filter(email__iexact=email)[:2]) if email else []
    # Two with one address: neither can be told from the other.
    return found[0] if len(found) == 1 else None


def _may_be_told(press: Press) -> bool:
    # The address comes from outside: only Slack's own, or the one the channel is set up with.
    host = urlsplit(press.reply_to).hostname or ""
    own = urlsplit(press.channel.config.get("base_url") or BASE).hostname or ""
    return host in {"hooks.slack.com", own}
