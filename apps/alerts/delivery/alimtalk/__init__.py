"""KakaoTalk AlimTalk: approved templates, sent by whichever provider the account is with."""

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.alimtalk import nhn, sens, solapi
from apps.alerts.delivery.phone import numbers
from apps.alerts.delivery.phone.notifier import PhoneNotifier
from apps.core.errors import InvalidInputError

__all__ = ["AlimTalkNotifier", "nhn", "sens", "solapi"]


class AlimTalkNotifier(PhoneNotifier, kind="alimtalk"):
    """Sends one filled-in template to one Korean number."""

    label = _("KakaoTalk AlimTalk")
    target_help = _("A Korean number, +821012345678.")

    def validate(self, target: str) -> str:
        """A Korean number in E.164."""
        number = numbers.canonical(target)
        if numbers.korean(number) is None:
            raise InvalidInputError(_("AlimTalk reaches Korean numbers only: +82…"))
        return number
