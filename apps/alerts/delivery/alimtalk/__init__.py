"""KakaoTalk AlimTalk: approved templates, sent by whichever provider the account is with."""

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.alimtalk import nhn, sens, solapi
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.phone import numbers, provider_for
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError

__all__ = ["AlimTalkNotifier", "nhn", "sens", "solapi"]


class AlimTalkNotifier(Notifier, kind="alimtalk"):
    """Sends one filled-in template to one Korean number."""

    def validate(self, target: str) -> str:
        """A Korean number in E.164."""
        number = numbers.canonical(target)
        if numbers.korean(number) is None:
            raise InvalidInputError(_("AlimTalk reaches Korean numbers only: +82…"))
        return number

    def send(self, envelope: Envelope) -> Delivered:
        if envelope.account is None:
            return Delivered(Outcome.PERMANENT, error="The channel has no account.")
        return provider_for(envelope.account.provider).send(envelope.account, envelope)
