"""Short messages to a telephone, by whichever provider the channel's account is with."""

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.phone import numbers, provider_for
from apps.alerts.delivery.sms import sns, twilio
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError

__all__ = ["SmsNotifier", "sns", "twilio"]


class SmsNotifier(Notifier, kind="sms"):
    """Sends one text to one number, or to one topic of Amazon SNS."""

    def validate(self, target: str) -> str:
        """A number in E.164, or the ARN of a topic."""
        target = target.strip()
        if target.startswith("arn:"):
            if not sns.TOPIC.fullmatch(target):
                raise InvalidInputError(_("This is not the ARN of a topic of Amazon SNS."))
            return target
        return numbers.canonical(target)

    def send(self, envelope: Envelope) -> Delivered:
        if envelope.account is None:
            return Delivered(Outcome.PERMANENT, error="The channel has no account.")
        return provider_for(envelope.account.provider).send(envelope.account, envelope)
