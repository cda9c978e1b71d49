"""The live topics `overview:<range>:<service>`."""

from typing import Final

from apps.core.errors import InvalidInputError, NotFoundError
from apps.core.live import Topic, register_family
from portal.overview import payload
from portal.overview.choice import choose

FAMILY: Final = "overview"
_INTERVAL_S: Final = 2.0


def name(service: str, range_key: str) -> str:
    """What a page subscribes to."""
    return f"{FAMILY}:{range_key}:{service}"


def resolve(rest: str) -> Topic | None:
    """The topic of `<range>:<service>`; None for a range or service there is not."""
    range_key, _, service = rest.partition(":")
    try:
        known, span = choose({"service": service, "range": range_key})
    except (InvalidInputError, NotFoundError):
        return None
    return Topic(name(known, span.key), _INTERVAL_S, lambda: payload.newest(known, span))


def register() -> None:
    """Make the topics known to the hub."""
    register_family(FAMILY, resolve)
