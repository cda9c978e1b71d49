"""What every notifier has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.fields import Setting, Words, cleaned
from apps.alerts.models import Outcome
from apps.core import masking
from apps.core.errors import InvalidInputError

if TYPE_CHECKING:
    from apps.alerts.delivery.phone.provider import Account


@dataclass(frozen=True)
class Envelope:
    """One message on its way. `key` is equal for every attempt.

    `thread` is the provider's id of the first message about the same episode to this channel,
    empty when this is the first or the provider gave none. `subject` is the group or episode that
    the message is about, empty for none. `language` is empty for the portal's.
    """

    key: str
    target: str = field(repr=False)
    secret: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    attempt: int = 1
    may_repeat: bool = False
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    language: str = ""
    thread: str = ""
    subject: str = ""
    channel_id: int | None = None
    # For kinds that send by an account with a provider, and where it reports what became of it.
    account: "Account | None" = None
    receipt_url: str = ""
    # Draws the chart of the alert as PNG, within two seconds; None where there is none.
    chart: Callable[[], bytes | None] = field(default=lambda: None, repr=False)

    def named_secret(self, name: str) -> str:
        """One of the channel's secrets, for kinds with settings that are secret."""
        return unpacked(self.secret).get(name, "")


@dataclass(frozen=True)
class Delivered:
    """What became of an attempt. `error` is for people and never holds the target.

    `provider_id` is what the provider calls the message: threads and receipts refer to it.
    """

    outcome: Outcome
    status_code: int | None = None
    error: str = ""
    retry_after_s: float | None = None
    provider_id: str = ""
    # The provider has it, and tells later whether the telephone got it.
    receipt_due: bool = False


class Notifier(ABC):
    """Hands messages to one kind of channel."""

    kind: ClassVar[str]
    label: ClassVar[Words]
    target_label: ClassVar[Words] = _("URL or address")
    target_help: ClassVar[Words] = ""
    settings: ClassVar[Sequence[Setting]] = ()
    # Whether a channel without a secret gets a random one, shown once (it signs messages).
    signs: ClassVar[bool] = False
    # Whether it is told that somebody has taken an alert; and whether what it shows is one alert
    # for a whole group, which is taken only as a whole.
    shows_taken: ClassVar[bool] = False
    one_alert_a_group: ClassVar[bool] = False

    def __init_subclass__(cls, *, kind: str = "") -> None:
        # Without a kind it is what several kinds have in common.
        if kind:
            cls.kind = kind
            NOTIFIERS[kind] = cls()

    @abstractmethod
    def validate(self, target: str) -> str:
        """The target in its canonical form. Raises InvalidInputError."""

    @abstractmethod
    def send(self, envelope: Envelope) -> Delivered:
        """Try once. Bounded in time, touches no database, raises nothing it can classify."""

    def mask(self, target: str) -> str:
        """What may be shown of a target."""
        return masking.url(target)

    def check(  # noqa: B027 (most kinds have nothing to refuse)
        self, target: str, config: Mapping[str, Any], secrets: Mapping[str, str]
    ) -> None:
        """Raises InvalidInputError when target, settings and secrets do not fit together."""

    def clean_config(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every setting that is no secret. Raises InvalidInputError."""
        return cleaned([one for one in self.settings if not one.secret], given)

    def clean_secrets(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Every setting that is a secret. Raises InvalidInputError."""
        return cleaned([one for one in self.settings if one.secret], given)


NOTIFIERS: dict[str, Notifier] = {}


def notifier_for(kind: str) -> Notifier:
    """The notifier of a channel kind. Raises InvalidInputError for an unknown one."""
    try:
        return NOTIFIERS[kind]
    except KeyError:
        known = ", ".join(sorted(NOTIFIERS))
        raise InvalidInputError(f"No channel kind {kind!r}; there are: {known}.") from None


def packed(secrets: Mapping[str, str]) -> str:
    """Named secrets as one text to seal."""
    return orjson.dumps(dict(secrets), option=orjson.OPT_SORT_KEYS).decode()


def unpacked(secret: str) -> dict[str, str]:
    """Named secrets from the text that was sealed; empty when it holds none."""
    if not secret.startswith("{"):
        return {}
    try:
        found = orjson.loads(secret)
    except orjson.JSONDecodeError:
        return {}
    return {str(name): str(text) for name, text in found.items()}
