"""SOLAPI: messages/v4, as AlimTalk with resending as SMS by SOLAPI itself, or as a short message.

https://developers.solapi.com, https://github.com/solapi/documents
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.alimtalk.template import FIELDS, Template
from apps.alerts.delivery.base import Delivered, Envelope
from apps.alerts.delivery.phone import asking, numbers, words
from apps.alerts.delivery.phone.provider import (
    DELIVERED,
    FAILED,
    ON_ITS_WAY,
    Account,
    Field,
    Provider,
    Receipt,
)
from apps.alerts.models import Outcome

_ACCEPTED: Final = "2000"
_SENT: Final = "3000"
_ARRIVED: Final = "4000"


class Solapi(Provider):
    """One API key of SOLAPI."""

    name = "solapi"
    label = "SOLAPI"
    endpoint = "https://api.solapi.com"
    kinds = frozenset({"alimtalk"})
    fields = (
        Field("api_key", _("API key")),
        Field("channel_id", _("Channel id"), help=_("SOLAPI's pfId of the KakaoTalk channel.")),
        *FIELDS,
    )
    secret_label = _("API secret")
    can_be_asked = True

    def validate(self, account: Account) -> None:
        super().validate(account)
        Template.of(account).validate()

    def send(self, account: Account, envelope: Envelope) -> Delivered:
        answer = asking.post(
            self.at(account), "/messages/v4/send", orjson.dumps(_body(account, envelope)),
            {"Content-Type": "application/json", **_signed(account)},
        )  # fmt: skip
        if isinstance(answer, Delivered):
            return answer
        found = asking.read_json(answer)
        refused = asking.refusal(answer, asking.code(asking.dig(found, "errorCode")))
        if refused is not None:
            return refused
        message, code = asking.dig(found, "messageId"), asking.dig(found, "statusCode")
        if not isinstance(message, str) or not message:
            return asking.nonsense(answer)
        if str(code) != _ACCEPTED:
            words_ = f"SOLAPI refused it ({asking.code(code)})."
            return Delivered(Outcome.PERMANENT, answer.status, words_)
        return Delivered(Outcome.OK, answer.status, provider_id=message[:100], receipt_due=True)

    def ask(self, account: Account, provider_id: str) -> Receipt | None:
        path = "/messages/v4/list?" + urlencode({"messageId": provider_id})
        found = asking.dig(asking.get(self.at(account), path, _signed(account)), "messageList")
        # An object by message id; newer answers hold a list.
        rows = list(found.values()) if isinstance(found, dict) else found
        code = asking.dig(rows, 0, "statusCode")
        return _receipt(str(code)) if code is not None else None


def signature(secret: str, moment: str, salt: str) -> str:
    """HMAC-SHA256 over time and salt, in hex."""
    return hmac.new(secret.encode(), (moment + salt).encode(), hashlib.sha256).hexdigest()


def _signed(account: Account) -> dict[str, str]:
    moment, salt = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", secrets.token_hex(16)
    mac = signature(account.secret, moment, salt)
    return {
        "Authorization": (
            f"HMAC-SHA256 apiKey={account.text('api_key')}, date={moment}, salt={salt},"
            f" signature={mac}"
        )
    }


def _body(account: Account, envelope: Envelope) -> dict[str, Any]:
    template = Template.of(account)
    sender = account.text("resend_from")
    message: dict[str, Any] = {
        "to": numbers.korean(envelope.target),
        "type": "ATA",
        "kakaoOptions": {
            "pfId": account.text("channel_id"),
            "templateId": template.code,
            "variables": {
                f"#{{{name}}}": value for name, value in template.fill(envelope).values.items()
            },
            "disableSms": not sender,
        },
    }
    if sender:
        message |= {
            "from": sender,
            "text": words.sms(envelope.payload, may_repeat=envelope.may_repeat),
        }
    return {"message": message}


def _receipt(code: str) -> Receipt:
    if code == _ARRIVED:
        return Receipt(DELIVERED, code)
    if code in (_ACCEPTED, _SENT):
        return Receipt(ON_ITS_WAY, code)
    return Receipt(FAILED, code)
