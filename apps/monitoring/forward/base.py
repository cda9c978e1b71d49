"""What a kind of destination is: how rows become requests, and what an answer means."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError
from apps.core.outgoing import Answer
from apps.monitoring.store.rows import Batch

# Whose keys of the vault credentials of destinations are sealed with.
PURPOSE: Final = "monitoring.destination"
TRACES, LOGS, METRICS = "traces", "logs", "metrics"
SIGNALS: Final = (TRACES, LOGS, METRICS)
# The retry table of OTLP/HTTP; every other failure is final.
RETRIED: Final = frozenset({429, 502, 503, 504})
# Coralogix, the strictest known, recommends 2 MB before compression.
BODY_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request: `items` rows of `signal` as `body`, not yet compressed."""

    signal: str
    path: str
    content_type: str
    body: bytes
    items: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a parcel's items: taken, refused for good, and what to send again."""

    sent: int = 0
    refused: int = 0
    reason: str = ""
    again: Parcel | None = None
    retry_after_s: float | None = None


class Kind(ABC):
    """One kind of receiver. Subclasses register themselves by `kind`; they hold no state."""

    registry: ClassVar[dict[str, "Kind"]] = {}
    signals: ClassVar[Collection[str]] = SIGNALS
    # Metrics as differences per minute, from the rollups, instead of point by point.
    minutes: ClassVar[bool] = False

    def __init_subclass__(cls, *, kind: str = "") -> None:
        if kind:
            cls.registry[kind] = cls()

    def check(self, endpoint: str, credentials: str) -> str:
        """The endpoint in normal form. Raises InvalidInputError with the words of the mend."""
        endpoint = endpoint.strip()
        try:
            parts = urlsplit(endpoint)
            _port = parts.port
        except ValueError:
            raise InvalidInputError(_("This is not a URL.")) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInputError(
                _("The address begins with http:// or https:// and has a host.")
            )
        if any(ord(char) <= 32 or ord(char) > 126 for char in endpoint):
            raise InvalidInputError(_("The address has only ASCII characters and no spaces."))
        if parts.username is not None or parts.query or parts.fragment:
            raise InvalidInputError(
                _("Leave user, password, ? and # out of the address; credentials are kept apart.")
            )
        self.headers(credentials)
        return endpoint.rstrip("/")

    @abstractmethod
    def headers(self, credentials: str) -> dict[str, str]:
        """The headers that say who sends. Raises InvalidInputError."""

    @abstractmethod
    def parcels(self, batches: Sequence[Batch], signals: Collection[str]) -> Iterator[Parcel]:
        """The rows as requests of at most BODY_BYTES each."""

    @abstractmethod
    def judge(self, parcel: Parcel, answer: Answer) -> Verdict:
        """What an answer says of the parcel's items."""


def header(name: str, value: str) -> tuple[str, str]:
    """A header that cannot end early. Raises InvalidInputError."""
    name, value = name.strip(), value.strip()
    token = name and all(char.isalnum() or char in "-_." for char in name) and name.isascii()
    if not token or not value or any(ord(char) < 32 or ord(char) > 126 for char in value):
        raise InvalidInputError(_("Write one header a line, as in “api-key: …”."))
    return name, value
