"""Which topics exist. Higher layers fill this registry before the first socket opens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Topic:
    """One live subject.

    `produce` runs in a thread and returns JSON-ready data; it may use the database. `permission` is
    a Django permission ("app.codename"); "" admits every member of staff.
    """

    name: str
    interval_s: float
    produce: Callable[[], dict[str, Any]] = field(repr=False)
    permission: str = ""
    timeout_s: float = 10.0


Resolver = Callable[[str], Topic | None]

_topics: dict[str, Topic] = {}
_families: dict[str, Resolver] = {}


def register(topic: Topic) -> None:
    """Add a topic; the same name again replaces the former."""
    _topics[topic.name] = topic


def register_family(prefix: str, resolve: Resolver) -> None:
    """Add all topics called `prefix:…`. `resolve` gets what follows the colon; None refuses it.

    `resolve` runs in a thread, may use the database and must answer unknown names with None: it
    alone keeps a client from inventing topics.
    """
    _families[prefix] = resolve


def find(name: str) -> Topic | None:
    """The topic of this name; None when there is none. May use the database."""
    if not name or len(name) > _LONGEST_NAME:
        return None
    if (topic := _topics.get(name)) is not None:
        return topic
    prefix, colon, rest = name.partition(":")
    resolve = _families.get(prefix)
    return resolve(rest) if colon and resolve else None
