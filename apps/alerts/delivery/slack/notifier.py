"""Messages in Slack: threads by alert, the first one turns green when all is well again."""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery import chart, wording
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import Setting, checked_url
from apps.alerts.delivery.http import Caller, FailedError
from apps.alerts.delivery.slack import blocks
from apps.alerts.delivery.slack.api import Api
from apps.alerts.models import Outcome
from apps.core import masking
from apps.core.errors import InvalidInputError

_CHANNEL: Final = re.compile(r"#?[\w.-]{1,80}")
_FIRES: Final = ("firing", "escalation")
_EVENT: Final = "pharos_notification"
# What was sent this long ago is not looked for any more.
_LOOKED_BACK_S: Final = 86_400
# Slack takes one message a second for each channel.
_PACE_S: Final = 1.0
_MOST_PACED: Final = 500


class SlackNotifier(Notifier, kind="slack"):
    """To a channel by a bot's token, or to the URL of an incoming webhook."""

    label = "Slack"
    shows_taken = True
    target_label = _("Channel or webhook URL")
    target_help = _("A channel's id (C0123456789) with a bot token, or an incoming webhook's URL.")
    settings: ClassVar[Sequence[Setting]] = (
        Setting(
            "token", _("Bot token"), _("Begins with xoxb-; needs the scope chat:write."),
            secret=True,
        ),
        Setting(
            "signing_secret", _("Signing secret"),
            _("Of the Slack app; without it messages have no buttons."), secret=True,
        ),
        Setting(
            "users", _("Who is who"),
            _("Lines of Slack user id=user name. Others are found by their e-mail address."),
            shape="pairs", default={},
        ),
        Setting(
            "chart", _("Send a chart"), _("Needs the scope files:write."), "flag", default=True
        ),
        Setting(
            "base_url", _("API address"),
            _("Only for what speaks Slack's API elsewhere. Empty: Slack itself."), "url",
        ),
    )  # fmt: skip

    def validate(self, target: str) -> str:
        """A URL, or a channel's id or name."""
        target = target.strip()
        if target.startswith(("http://", "https://")):
            return checked_url(target)
        if not _CHANNEL.fullmatch(target):
            raise InvalidInputError(_("This is neither a Slack channel nor a URL."))
        return target

    def mask(self, target: str) -> str:
        """A channel is no secret; a webhook's URL is."""
        return masking.url(target) if _is_url(target) else target

    def check(
        self,
        target: str,
        config: Mapping[str, Any],  # noqa: ARG002
        secrets: Mapping[str, str],
    ) -> None:
        """A channel needs a token."""
        if not _is_url(target) and not secrets.get("token"):
            raise InvalidInputError(
                _("A Slack channel needs a bot token; a webhook URL needs none."),
                {"field": "token"},
            )

    def send(self, envelope: Envelope) -> Delivered:
        with wording.said_in(envelope.language):
            words = wording.context(envelope.payload, may_repeat=envelope.may_repeat)
            try:
                if _is_url(envelope.target):
                    return _by_webhook(envelope, words)
                return _Post(envelope, words).deliver()
            except FailedError as error:
                return error.delivered


class _Post:
    """One message by the Web API."""

    def __init__(self, envelope: Envelope, words: Mapping[str, Any]) -> None:
        self.envelope, self.words = envelope, words
        token = envelope.named_secret("token")
        self.api = Api(envelope.config.get("base_url", ""), token, budget_s=12)
        channel, _colon, ts = envelope.thread.partition(":")
        self.channel = channel if ts else envelope.target
        self.thread_ts = ts

    def deliver(self) -> Delivered:
        """Post, unless an earlier attempt turns out to have arrived; then see to the first one."""
        ts = self._found_earlier() if self.envelope.may_repeat else ""
        channel = self.channel
        if not ts:
            _paces.wait(self.envelope.target)
            answer = self.api.call("chat.postMessage", self._body())
            ts = str(answer.get("ts", ""))
            channel = str(answer.get("channel") or channel)
        self._turn_first()
        self._send_chart(channel, ts)
        return Delivered(Outcome.OK, 200, provider_id=f"{channel}:{ts}" if ts else "")

    def _body(self) -> dict[str, Any]:
        payload = self.envelope.payload
        raised = payload.get("purpose") in _FIRES and payload.get("severity") == "critical"
        body = {
            "channel": self.channel,
            # What notifications and screen readers say.
            "text": blocks.escaped(self.words["title"]),
            "attachments": [self._attachment()],
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": _EVENT, "event_payload": {"key": self.envelope.key}},
        }
        if self.thread_ts:
            # News of a critical alert must not hide in a thread.
            body |= {"thread_ts": self.thread_ts, "reply_broadcast": raised}
        return body

    def _attachment(self) -> dict[str, Any]:
        signed = bool(self.envelope.named_secret("signing_secret"))
        buttons = (
            blocks.buttons_for(self.envelope.payload, self.envelope.channel_id) if signed else []
        )
        return blocks.attachment(self.words, buttons=buttons)

    def _found_earlier(self) -> str:
        """The time stamp of this very message, when an earlier attempt did arrive; else ""."""
        fields = {
            "channel": self.channel, "limit": "100", "include_all_metadata": "true",
            "oldest": str(int(time.time()) - _LOOKED_BACK_S),
        }  # fmt: skip
        method = "conversations.history"
        if self.thread_ts:
            method, fields["ts"] = "conversations.replies", self.thread_ts
        try:
            found = self.api.read(method, fields)
        except FailedError as error:
            if error.delivered.outcome == Outcome.PERMANENT:
                return ""  # the token may not read: say that it may be a repeat, as ever
            raise
        for one in found.get("messages") or []:
            known = (one.get("metadata") or {}).get("event_payload") or {}
            if known.get("key") == self.envelope.key:
                return str(one.get("ts", ""))
        return ""

    def _turn_first(self) -> None:
        # The message has arrived: whatever fails here must not send it again.
        if self.words["stands"] != "resolved" or not self.thread_ts:
            return
        body = {
            "channel": self.channel,
            "ts": self.thread_ts,
            "text": blocks.escaped(self.words["title"]),
            "attachments": [blocks.attachment(self.words, buttons=[])],
        }
        try:
            self.api.call("chat.update", body)
        except FailedError:
            return

    def _send_chart(self, channel: str, ts: str) -> None:
        """Into the thread, after the words: whatever fails here is let go."""
        first = not self.thread_ts and self.envelope.payload.get("purpose") in _FIRES
        if not first or not ts or not self.envelope.config.get("chart"):
            return
        picture = self.envelope.chart()
        if picture is None:
            return
        asked = {
            "filename": "chart.png", "length": str(len(picture)), "alt_txt": self.words["title"],
        }  # fmt: skip
        try:
            place = self.api.read("files.getUploadURLExternal", asked)
            kind = {"Content-Type": "application/octet-stream"}
            self.api.caller.post(str(place.get("upload_url")), picture, kind)
            shared = [{"id": place.get("file_id"), "title": self.words["title"][:80]}]
            body = {"files": shared, "channel_id": channel, "thread_ts": ts}
            self.api.call("files.completeUploadExternal", body)
        except FailedError:
            return


class _Paces:
    """When each channel may be written to next, as far as this process knows."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._next: dict[str, float] = {}

    def wait(self, channel: str) -> None:
        """Wait for the channel's turn. Raises FailedError when that would take too long."""
        with self._guard:
            now = time.monotonic()
            at = max(now, self._next.get(channel, 0.0))
            if at - now > 4 * _PACE_S:
                words = "Too many messages wait for this channel."
                raise FailedError(Delivered(Outcome.TRANSIENT, error=words, retry_after_s=at - now))
            if len(self._next) > _MOST_PACED:
                self._next = {name: when for name, when in self._next.items() if when > now}
            self._next[channel] = at + _PACE_S
        time.sleep(max(0.0, at - now))


_paces = _Paces()


def _by_webhook(envelope: Envelope, words: Mapping[str, Any]) -> Delivered:
    body = {
        "text": blocks.escaped(words["title"]),
        "attachments": [blocks.classic(words, chart.url_for(envelope.payload))],
    }
    _paces.wait(envelope.target)
    answer = Caller("Slack").json(envelope.target, body)
    return Delivered(Outcome.OK, answer.status)


def _is_url(target: str) -> bool:
    return target.startswith(("http://", "https://"))
