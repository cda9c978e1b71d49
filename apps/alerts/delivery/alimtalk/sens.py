"""NAVER Cloud SENS: AlimTalk API v2, with resending as SMS by SENS itself.

https://api.ncloud-docs.com/docs/en/ai-application-service-sens-alimtalkv2. A request whose clock is
more than five minutes off is refused.
"""

import base64
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import quote

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


class Sens(Provider):
    """One service of SENS."""

    name = "sens"
    label = "NAVER Cloud SENS"
    endpoint = "https://sens.apigw.ntruss.com"
    kinds = frozenset({"alimtalk"})
    fields = (
        Field("service_id", _("Service id")),
        Field("access_key_id", _("Access key id")),
        Field("channel_id", _("Channel id"), help=_("With its @ in front.")),
        *FIELDS,
    )
    secret_label = _("Secret key")
    can_be_asked = True

    def validate(self, account: Account) -> None:
        super().validate(account)
        Template.of(account).validate()

    def send(self, account: Account, envelope: Envelope) -> Delivered:
        path = _path(account)
        answer = asking.post(
            self.at(account), path, orjson.dumps(_body(account, envelope)),
            {"Content-Type": "application/json; charset=utf-8", **_signed(account, "POST", path)},
        )  # fmt: skip
        if isinstance(answer, Delivered):
            return answer
        found = asking.read_json(answer)
        said = asking.dig(found, "error", "errorCode") or asking.dig(found, "errorCode")
        refused = asking.refusal(answer, asking.code(said))
        if refused is not None:
            return refused
        first = asking.dig(found, "messages", 0)
        message = asking.dig(first, "messageId")
        if not isinstance(message, str):
            return asking.nonsense(answer)
        code = asking.code(asking.dig(first, "requestStatusCode"))
        if code != "A000":
            return Delivered(Outcome.PERMANENT, answer.status, f"SENS refused it ({code}).")
        return Delivered(Outcome.OK, answer.status, provider_id=message[:100], receipt_due=True)

    def ask(self, account: Account, provider_id: str) -> Receipt | None:
        path = f"{_path(account)}/{quote(provider_id, safe='')}"
        found = asking.get(self.at(account), path, _signed(account, "GET", path))
        return _receipt(found) if isinstance(found, dict) else None


def signature(secret: str, method: str, path: str, moment: str, access: str) -> str:
    """Base64 of HMAC-SHA256 over method, path, time in ms and access key."""
    signed = f"{method} {path}\n{moment}\n{access}"
    mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


def _signed(account: Account, method: str, path: str) -> dict[str, str]:
    # For the provider's replay window only; nothing here is decided by this clock.
    moment = str(int(time.time() * 1000))
    access = account.text("access_key_id")
    return {
        "x-ncp-apigw-timestamp": moment,
        "x-ncp-iam-access-key": access,
        "x-ncp-apigw-signature-v2": signature(account.secret, method, path, moment, access),
    }


def _body(account: Account, envelope: Envelope) -> dict[str, Any]:
    template = Template.of(account)
    message: dict[str, Any] = {
        "countryCode": "82",
        "to": numbers.korean(envelope.target),
        "content": template.fill(envelope).text,
        "useSmsFailover": bool(account.text("resend_from")),
    }
    if account.text("resend_from"):
        message["failoverConfig"] = {
            "type": "LMS",
            "from": account.text("resend_from"),
            "subject": "Pharos",
            "content": words.sms(envelope.payload, may_repeat=envelope.may_repeat),
        }
    return {
        "plusFriendId": account.text("channel_id"),
        "templateCode": template.code,
        "messages": [message],
    }


def _receipt(found: dict[str, Any]) -> Receipt:
    name, code = str(found.get("messageStatusName", "")), str(found.get("messageStatusCode", ""))
    detail = f"{name} {code} {asking.code(found.get('messageStatusDesc'))}".strip()
    if code == "0000":
        return Receipt(DELIVERED, detail)
    if found.get("requestStatusName") == "fail":
        return Receipt(FAILED, f"refused {asking.code(found.get('requestStatusCode'))}")
    if name != "fail":
        return Receipt(ON_ITS_WAY, detail)
    resend = asking.dig(found, "failover", "messageStatusName")
    if resend == "success":
        return Receipt(DELIVERED, f"{detail}; SMS success")
    return Receipt(FAILED, detail)


def _path(account: Account) -> str:
    return f"/alimtalk/v2/services/{quote(account.text('service_id'), safe=':')}/messages"
