"""A provider of messages to telephones, found by its name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Delivered, Envelope
from apps.alerts.delivery.fields import checked_url
from apps.core.errors import InvalidInputError

DELIVERED: Final = "delivered"
FAILED: Final = "failed"
READ: Final = "read"
# Taken over by the provider, not yet by the telephone.
ON_ITS_WAY: Final = "on_its_way"


class ForgedError(Exception):
    """A callback that the provider did not sign."""


@dataclass(frozen=True)
class Account:
    """One account with a provider, in clear. `endpoint`: its own address, "" for the provider's."""

    provider: str
    settings: Mapping[str, Any]
    secret: str = field(repr=False, default="")
    endpoint: str = ""

    def text(self, name: str) -> str:
        """A setting as text; "" when there is none."""
        return str(self.settings.get(name, "") or "")


@dataclass(frozen=True)
class Receipt:
    """What a provider says became of a message. `state`: delivered, failed, read, on_its_way."""

    state: str
    detail: str = ""

    @property
    def final(self) -> bool:
        """Whether no other word is to be expected."""
        return self.state != ON_ITS_WAY


@dataclass(frozen=True)
class Callback:
    """A request that claims to come from a provider. Header names in lower case."""

    url: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Field:
    """One setting of an account."""

    name: str
    label: Any
    required: bool = True
    help: Any = ""


class Provider(ABC):
    """Hands messages to one provider. Bounded in time, touches no database."""

    name: ClassVar[str]
    label: ClassVar[Any]
    endpoint: ClassVar[str]
    # Which channel kinds it serves.
    kinds: ClassVar[frozenset[str]]
    fields: ClassVar[tuple[Field, ...]] = ()
    secret_label: ClassVar[Any] = _("Secret")
    # It calls back, or can be asked, what became of a message.
    calls_back: ClassVar[bool] = False
    can_be_asked: ClassVar[bool] = False
    takes_topics: ClassVar[bool] = False

    def __init_subclass__(cls, **_kwargs: Any) -> None:
        if getattr(cls, "name", ""):
            PROVIDERS[cls.name] = cls()

    def validate(self, account: Account) -> None:
        """Raise InvalidInputError for settings that cannot work."""
        for one in self.fields:
            if one.required and not account.text(one.name).strip():
                words = _("%(field)s is missing.") % {"field": one.label}
                raise InvalidInputError(words, {one.name: [str(words)]})
        if account.endpoint:
            checked_url(account.endpoint)

    def at(self, account: Account) -> str:
        """Where requests of this account go, without a slash at the end."""
        return (account.endpoint or self.endpoint).rstrip("/")

    @abstractmethod
    def send(self, account: Account, envelope: Envelope) -> Delivered:
        """Try once to hand over the message to `envelope.target`."""

    def ask(self, account: Account, provider_id: str) -> Receipt | None:
        """What became of a message; None when it could not be found out now."""
        raise NotImplementedError

    def read_callback(self, account: Account, callback: Callback) -> Receipt:
        """What a callback says. Raises ForgedError."""
        raise NotImplementedError


PROVIDERS: dict[str, Provider] = {}


def provider_for(name: str) -> Provider:
    """The provider of this name. Raises InvalidInputError for an unknown one."""
    try:
        return PROVIDERS[name]
    except KeyError:
        known = ", ".join(sorted(PROVIDERS))
        raise InvalidInputError(f"No provider {name!r}; there are: {known}.") from None
