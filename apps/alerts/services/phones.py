"""Accounts with providers: keep them, open them, and say which a channel uses."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.phone import Account, provider_for
from apps.alerts.models import Channel, PhoneAccount
from apps.core.errors import ConflictError, InvalidInputError

# The setting of a channel that names its account.
SETTING = "account"


def store(account: PhoneAccount, settings: Mapping[str, Any], secret: str = "") -> None:
    """Check and save an account. An empty secret leaves the one there is.

    Raises InvalidInputError for settings that cannot work.
    """
    fill(account, settings, secret)
    account.save()


def fill(account: PhoneAccount, settings: Mapping[str, Any], secret: str = "") -> None:
    """Put settings into an unsaved change of an account. Raises as `store`."""
    provider = provider_for(account.provider)
    stored = PhoneAccount.objects.filter(pk=account.pk).first() if account.pk else None
    where = (account.provider, account.endpoint)
    if stored is not None and not secret and (stored.provider, stored.endpoint) != where:
        # Whoever may set an address could have it sent to their own otherwise.
        raise InvalidInputError(_("Type the secret again: it would go to another address."))
    known = {one.name for one in provider.fields}
    account.settings = {name: value for name, value in settings.items() if name in known}
    if secret:
        account.sealed_secret = secret
    provider.validate(opened(account))


def delete(account: PhoneAccount) -> None:
    """Delete an account nobody uses. Raises ConflictError while a channel names it."""
    using = list(used_by(account).values_list("name", flat=True)[:5])
    if using:
        words = _("Channels use this account: %(names)s.") % {"names": ", ".join(using)}
        raise ConflictError(words)
    account.delete()


def used_by(account: PhoneAccount) -> QuerySet[Channel]:
    """The channels that name this account."""
    return Channel.objects.filter(**{f"config__{SETTING}": account.name}).order_by("name")


def opened(account: PhoneAccount) -> Account:
    """The account in clear. Raises `vault.SealBrokenError`."""
    return Account(
        provider=account.provider,
        settings=account.settings,
        secret=account.sealed_secret.reveal(),
        endpoint=account.endpoint,
    )


def accounts_of(channels: Iterable[Channel | None]) -> dict[str, PhoneAccount]:
    """The accounts these channels name, by name, in one query."""
    names = {name_of(one) for one in channels if one is not None} - {""}
    if not names:
        return {}
    return {one.name: one for one in PhoneAccount.objects.filter(name__in=names)}


def name_of(channel: Channel) -> str:
    """The name of the account a channel sends by; "" for kinds that have none."""
    return str(channel.config.get(SETTING, "") or "")


def check(kind: str, name: str, target: str) -> None:
    """Raise InvalidInputError unless an account of this name serves this kind and target."""
    account = PhoneAccount.objects.filter(name=name).first()
    if account is None:
        words = _("There is no phone account %(name)s. Make one in the admin first.")
        raise InvalidInputError(words % {"name": name or "–"})
    provider = provider_for(account.provider)
    if kind not in provider.kinds:
        words = _("The account %(name)s does not serve this kind of channel.")
        raise InvalidInputError(words % {"name": name})
    if target.startswith("arn:") and not provider.takes_topics:
        raise InvalidInputError(_("Only Amazon SNS sends to topics."))
