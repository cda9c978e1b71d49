"""What kinds of channels to telephones have in common: they send by an account."""

from django.conf import settings as portal
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import Setting
from apps.alerts.delivery.phone import numbers
from apps.alerts.delivery.phone.provider import provider_for
from apps.alerts.models import Outcome


class PhoneNotifier(Notifier):
    """Sends to one number by the account its channel names."""

    target_label = _("Telephone number")
    settings = (
        Setting(
            "account", _("Phone account"), _("The name of the account it sends by."), required=True
        ),
    )

    def mask(self, target: str) -> str:
        """The ends of the number."""
        return numbers.masked(target)

    def send(self, envelope: Envelope) -> Delivered:
        if envelope.account is None:
            return Delivered(Outcome.PERMANENT, error="The channel's account is gone.")
        with translation.override(envelope.language or portal.LANGUAGE_CODE):
            return provider_for(envelope.account.provider).send(envelope.account, envelope)
