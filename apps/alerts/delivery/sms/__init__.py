"""Short messages to a telephone, by whichever provider the channel's account is with."""

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.phone import numbers
from apps.alerts.delivery.phone.notifier import PhoneNotifier
from apps.alerts.delivery.sms import sns, twilio
from apps.core.errors import InvalidInputError

__all__ = ["SmsNotifier", "sns", "twilio"]


class SmsNotifier(PhoneNotifier, kind="sms"):
    """Sends one text to one number, or to one topic of Amazon SNS."""

    label = _("SMS")
    target_help = _(
        "A number with its country, +821012345678, or the ARN of a topic of Amazon SNS."
    )

    def validate(self, target: str) -> str:
        """A number in E.164, or the ARN of a topic."""
        target = target.strip()
        if target.startswith("arn:"):
            if not sns.TOPIC.fullmatch(target):
                raise InvalidInputError(_("This is not the ARN of a topic of Amazon SNS."))
            return target
        return numbers.canonical(target)

    def mask(self, target: str) -> str:
        """A topic is no secret; of a number, its ends."""
        return target if target.startswith("arn:") else numbers.masked(target)
