"""What every notifier has in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    from apps.alerts.delivery.phone.provider import Account


@dataclass(frozen=True)
class Envelope:
    """One message on its way. `key` is equal for every attempt."""

    key: str
    target: str = field(repr=False)
    secret: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    attempt: int = 1
    may_repeat: bool = False
    # For kinds that send by an account with a provider, and where it reports what became of it.
    account: "Account | None" = None
    receipt_url: str = ""


@dataclass(frozen=True)
class Delivered:
    """What became of an attempt. `error` is for people and never holds the target."""

    outcome: Outcome
    status_code: int | None = None
    error: str = ""
    retry_after_s: float | None = None
    # How the provider calls the message.
    provider_id: str = ""
    # The provider has it, and tells later whether the telephone got it.
    receipt_due: bool = False


class Notifier(ABC):
    """Hands messages to one kind of channel."""

    kind: ClassVar[str]

    def __init_subclass__(cls, *, kind: str) -> None:
        cls.kind = kind
        NOTIFIERS[kind] = cls()

    @abstractmethod
    def validate(self, target: str) -> str:
        """The target in its canonical form. Raises InvalidInputError."""

    @abstractmethod
    def send(self, envelope: Envelope) -> Delivered:
        """Try once. Bounded in time, touches no database, raises nothing it can classify."""


NOTIFIERS: dict[str, Notifier] = {}


def notifier_for(kind: str) -> Notifier:
    """The notifier of a channel kind. Raises InvalidInputError for an unknown one."""
    try:
        return NOTIFIERS[kind]
    except KeyError:
        known = ", ".join(sorted(NOTIFIERS))
        raise InvalidInputError(f"No channel kind {kind!r}; there are: {known}.") from None
