"""Twilio: Messages resource, and its signed status callbacks.

https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Delivered, Envelope
from apps.alerts.delivery.phone import asking, words
from apps.alerts.delivery.phone.provider import (
    DELIVERED,
    FAILED,
    ON_ITS_WAY,
    READ,
    Account,
    Callback,
    Field,
    ForgedError,
    Provider,
    Receipt,
)
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError

_STATES: Final = {
    "delivered": DELIVERED, "read": READ, "undelivered": FAILED, "failed": FAILED,
    "canceled": FAILED,
}  # fmt: skip


class Twilio(Provider):
    """One account of Twilio."""

    name = "twilio"
    label = "Twilio"
    endpoint = "https://api.twilio.com"
    kinds = frozenset({"sms"})
    fields = (
        Field("account_sid", _("Account SID")),
        Field("sender", _("From"), help=_("A number in E.164, or the SID of a messaging service.")),
    )
    secret_label = _("Auth token")
    calls_back = True
    can_be_asked = True

    def validate(self, account: Account) -> None:
        super().validate(account)
        if not account.text("account_sid").startswith("AC"):
            raise InvalidInputError(_("An account SID begins with AC."))

    def send(self, account: Account, envelope: Envelope) -> Delivered:
        text = words.sms(envelope.payload, may_repeat=envelope.may_repeat)
        sender = account.text("sender")
        form = {
            "To": envelope.target,
            "Body": text,
            ("MessagingServiceSid" if sender.startswith("MG") else "From"): sender,
        }
        if envelope.receipt_url:
            form["StatusCallback"] = envelope.receipt_url
        answer = asking.post(
            self.at(account), f"{_resource(account)}.json", urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", **_authorization(account)},
        )  # fmt: skip
        if isinstance(answer, Delivered):
            return answer
        found = asking.read_json(answer)
        refused = asking.refusal(answer, asking.code(asking.dig(found, "code")))
        if refused is not None:
            return refused
        sid = asking.dig(found, "sid")
        if not isinstance(sid, str) or not sid:
            return asking.nonsense(answer)
        return Delivered(Outcome.OK, answer.status, provider_id=sid[:64], receipt_due=True)

    def ask(self, account: Account, provider_id: str) -> Receipt | None:
        path = f"{_resource(account)}/{quote(provider_id, safe='')}.json"
        found = asking.get(self.at(account), path, _authorization(account))
        status = asking.dig(found, "status")
        if not isinstance(status, str):
            return None
        return _receipt(status, asking.code(asking.dig(found, "error_code")))

    def read_callback(self, account: Account, callback: Callback) -> Receipt:
        expected = signature(account.secret, callback.url, callback.form)
        given = callback.headers.get("x-twilio-signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise ForgedError
        status = callback.form.get("MessageStatus", "")
        return _receipt(status, callback.form.get("ErrorCode", ""))


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """Base64 of HMAC-SHA1 over the URL and each name with its value, sorted by name."""
    signed = url + "".join(name + value for name, value in sorted(form.items()))
    mac = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(mac).decode()


def _receipt(status: str, error: str) -> Receipt:
    state = _STATES.get(status, ON_ITS_WAY)
    return Receipt(state, f"{status} {error}".strip()[:200])


def _resource(account: Account) -> str:
    return f"/2010-04-01/Accounts/{quote(account.text('account_sid'), safe='')}/Messages"


def _authorization(account: Account) -> dict[str, str]:
    pair = f"{account.text('account_sid')}:{account.secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
