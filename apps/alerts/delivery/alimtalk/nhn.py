"""NHN Cloud, KakaoTalk Bizmessage: AlimTalk API v2.2, with resending as SMS by NHN itself.

https://docs.nhncloud.com/en/Notification/KakaoTalk%20Bizmessage/en/alimtalk-api-guide/
"""

from typing import Any, Final
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
from apps.core.outgoing import Answer

_OK: Final = "MRC01"
# NHN's own SMS: it went out, or it did not.
_RESENT: Final = "RSC04"
_RESENDING: Final = frozenset({"RSC02", "RSC03"})


class Nhn(Provider):
    """One app key of NHN Cloud."""

    name = "nhn"
    label = "NHN Cloud"
    endpoint = "https://kakaotalk-bizmessage.api.nhncloudservice.com"
    kinds = frozenset({"alimtalk"})
    fields = (
        Field("app_key", _("App key")),
        Field("sender_key", _("Sender key")),
        *FIELDS,
    )
    secret_label = _("Secret key")
    can_be_asked = True

    def validate(self, account: Account) -> None:
        super().validate(account)
        Template.of(account).validate()

    def send(self, account: Account, envelope: Envelope) -> Delivered:
        body = orjson.dumps(_body(account, envelope))
        answer = asking.post(self.at(account), _path(account), body, _headers(account))
        if isinstance(answer, Delivered):
            return answer
        found = asking.read_json(answer)
        refused = asking.refusal(answer, asking.code(asking.dig(found, "header", "resultCode")))
        if refused is not None:
            return refused
        return _judge(answer, found)

    def ask(self, account: Account, provider_id: str) -> Receipt | None:
        request, _slash, number = provider_id.rpartition("/")
        path = f"{_path(account)}/{quote(request, safe='')}/{quote(number, safe='')}"
        found = asking.dig(asking.get(self.at(account), path, _headers(account)), "message")
        if not isinstance(found, dict):
            return None
        return _receipt(found)


def _body(account: Account, envelope: Envelope) -> dict[str, Any]:
    template = Template.of(account)
    recipient: dict[str, Any] = {
        "recipientNo": numbers.korean(envelope.target),
        "templateParameter": dict(template.fill(envelope).values),
    }
    sender = account.text("resend_from")
    recipient["resendParameter"] = {"isResend": bool(sender)}
    if sender:
        recipient["resendParameter"] |= {
            "resendType": "LMS",
            "resendTitle": "Pharos",
            "resendContent": words.sms(envelope.payload, may_repeat=envelope.may_repeat),
            "resendSendNo": sender,
        }
    return {
        "senderKey": account.text("sender_key"),
        "templateCode": template.code,
        "recipientList": [recipient],
    }


def _judge(answer: Answer, found: Any) -> Delivered:
    header = asking.dig(found, "header")
    if not isinstance(header, dict) or not isinstance(header.get("isSuccessful"), bool):
        return asking.nonsense(answer)
    if not header["isSuccessful"]:
        code = asking.code(header.get("resultCode"))
        return Delivered(Outcome.PERMANENT, answer.status, f"NHN Cloud refused it ({code}).")
    request = asking.dig(found, "message", "requestId")
    first = asking.dig(found, "message", "sendResults", 0)
    if not isinstance(request, str) or not isinstance(first, dict):
        return asking.nonsense(answer)
    if first.get("resultCode") != 0:
        code = asking.code(first.get("resultCode"))
        return Delivered(Outcome.PERMANENT, answer.status, f"NHN Cloud refused it ({code}).")
    number = asking.code(first.get("recipientSeq"))
    return Delivered(
        Outcome.OK, answer.status, provider_id=f"{request[:80]}/{number}", receipt_due=True
    )


def _receipt(found: dict[str, Any]) -> Receipt:
    status, code = str(found.get("messageStatus", "")), str(found.get("resultCode", ""))
    detail = f"{status} {asking.code(found.get('resultCodeName'))} {code}".strip()
    if code == _OK:
        return Receipt(DELIVERED, detail)
    resend = str(found.get("resendStatus", ""))
    if resend == _RESENT:
        return Receipt(DELIVERED, f"{detail}; SMS {resend}")
    if resend in _RESENDING:
        return Receipt(ON_ITS_WAY, f"{detail}; SMS {resend}")
    if status in ("FAILED", "CANCEL") or code == "MRC02":
        return Receipt(FAILED, detail)
    return Receipt(ON_ITS_WAY, detail)


def _path(account: Account) -> str:
    return f"/alimtalk/v2.2/appkeys/{quote(account.text('app_key'), safe='')}/messages"


def _headers(account: Account) -> dict[str, str]:
    return {"Content-Type": "application/json;charset=UTF-8", "X-Secret-Key": account.secret}
