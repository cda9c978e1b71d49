"""Amazon SNS: Publish to a number or a topic, signed by Signature Version 4.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html. Keys stand in the account; without
them AWS's chain is asked (variables, profile, role), which needs boto3.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Delivered, Envelope
from apps.alerts.delivery.phone import asking, words
from apps.alerts.delivery.phone.provider import Account, Field, Provider
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError
from apps.core.outgoing import Answer

TOPIC: Final = re.compile(
    r"arn:aws[a-z-]*:sns:[a-z0-9-]{1,30}:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
)
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ID: Final = re.compile(rb"<MessageId>([^<]{1,100})</MessageId>")
_CODE: Final = re.compile(rb"<Code>([^<]{1,60})</Code>")
# Answered with 400, and better a moment later.
_THROTTLED: Final = frozenset({"Throttling", "ThrottlingException", "ThrottledException"})


@dataclass(frozen=True)
class Keys:
    """What a request is signed with."""

    access: str
    secret: str = field(repr=False)
    token: str = field(repr=False, default="")


class Sns(Provider):
    """One account of Amazon Web Services in one region."""

    name = "sns"
    label = "Amazon SNS"
    endpoint = ""
    kinds = frozenset({"sms"})
    fields = (
        Field("region", _("Region")),
        Field(
            "access_key_id", _("Access key id"), required=False,
            help=_("Empty: the machine's own credentials, which needs boto3."),
        ),
        Field("sender", _("Sender id"), required=False),
    )  # fmt: skip
    secret_label = _("Secret access key")
    takes_topics = True

    def validate(self, account: Account) -> None:
        super().validate(account)
        if not _REGION.fullmatch(account.text("region")):
            raise InvalidInputError(_("A region looks like ap-northeast-2."))

    def at(self, account: Account) -> str:
        return (account.endpoint or f"https://sns.{account.text('region')}.amazonaws.com").rstrip(
            "/"
        )

    def send(self, account: Account, envelope: Envelope) -> Delivered:
        keys = _keys(account)
        if keys is None:
            return Delivered(Outcome.TRANSIENT, error="There are no credentials for Amazon SNS.")
        body = urlencode(_form(account, envelope), quote_via=quote).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        host = urlsplit(self.at(account)).netloc
        signed = sign(keys, account.text("region"), host, body, headers, datetime.now(UTC))
        answer = asking.post(self.at(account), "/", body, signed)
        return answer if isinstance(answer, Delivered) else _judge(answer)


def sign(
    keys: Keys, region: str, host: str, body: bytes, headers: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """`headers` with those of Signature Version 4 for a POST to `/` of SNS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """
    moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    sent = {**headers, "X-Amz-Date": moment}
    if keys.token:
        sent["X-Amz-Security-Token"] = keys.token
    canonical = {name.lower(): value.strip() for name, value in {**sent, "Host": host}.items()}
    names = ";".join(sorted(canonical))
    listed = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    request = f"POST\n/\n\n{listed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/sns/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + keys.secret.encode()
    for part in (day, region, "sns", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    mac = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    sent["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={mac}"
    )
    return sent


def _form(account: Account, envelope: Envelope) -> dict[str, str]:
    form = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "Message": words.sms(envelope.payload, may_repeat=envelope.may_repeat),
    }
    if envelope.target.startswith("arn:"):
        return {**form, "TopicArn": envelope.target, **_once(envelope)}
    attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
    if account.text("sender"):
        attributes["AWS.SNS.SMS.SenderID"] = account.text("sender")
    for number, (name, value) in enumerate(attributes.items(), 1):
        prefix = f"MessageAttributes.entry.{number}"
        form[f"{prefix}.Name"] = name
        form[f"{prefix}.Value.DataType"] = "String"
        form[f"{prefix}.Value.StringValue"] = value
    return {**form, "PhoneNumber": envelope.target}


def _once(envelope: Envelope) -> dict[str, str]:
    if not envelope.target.endswith(".fifo"):
        return {}
    # Such a topic recognises a repeat for five minutes.
    return {"MessageDeduplicationId": envelope.key, "MessageGroupId": "pharos"}


def _judge(answer: Answer) -> Delivered:
    code = _CODE.search(answer.body)
    name = code[1].decode(errors="replace") if code else ""
    if name in _THROTTLED:
        return Delivered(Outcome.TRANSIENT, answer.status, f"The provider answered {name}.")
    refused = asking.refusal(answer, name)
    if refused is not None:
        return refused
    found = _ID.search(answer.body)
    if found is None:
        return asking.nonsense(answer)
    return Delivered(Outcome.OK, answer.status, provider_id=found[1].decode(errors="replace"))


def _keys(account: Account) -> Keys | None:
    if account.text("access_key_id"):
        return Keys(account.text("access_key_id"), account.secret)
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError:
        return None
    try:
        # A session of its own: the default one is shared by all threads and not safe to make.
        found = boto3.session.Session().get_credentials()
    except BotoCoreError:
        return None
    if found is None:
        return None
    frozen = found.get_frozen_credentials()
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")
