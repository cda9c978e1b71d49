"""Links of messages by which whoever got one acknowledges an episode, without signing in.

The link is the right: it is signed, names one episode (and to whom it went), and ends. Opening it
changes nothing, because mail servers and chats open what is in messages; the page has a button.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core import signing

from apps.alerts import conf
from apps.core.errors import NotFoundError

_SALT: Final = "alerts.acknowledge"
LASTS_S: Final = 3 * 86_400


@dataclass(frozen=True)
class Pass:
    """What a link allows: `person` (empty: unknown) to take one episode."""

    episode: UUID
    person: str = ""

    @property
    def by(self) -> str:
        """The name for history."""
        return self.person or "link"


def ack_url(episode: UUID, person: str = "") -> str:
    """The link for a message about this episode to this person."""
    signed = signing.dumps({"e": episode.hex, "p": person}, salt=_SALT, compress=True)
    return f"{conf.base_url()}/alerts/ack/{signed}"


def without_right(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A message as whoever may only look sees it: its link would let them acknowledge."""
    links = payload.get("links")
    if not isinstance(links, dict) or "acknowledge" not in links:
        return dict(payload)
    return {**payload, "links": {**links, "acknowledge": "***"}}


def read(signed: str) -> Pass:
    """What a link allows. Raises NotFoundError when it is forged or too old: both look the same."""
    try:
        found = signing.loads(signed, salt=_SALT, max_age=LASTS_S)
        return Pass(UUID(found["e"]), str(found["p"])[:200])
    except (signing.BadSignature, KeyError, ValueError, TypeError):
        raise NotFoundError("This link is not valid, or no longer.") from None
