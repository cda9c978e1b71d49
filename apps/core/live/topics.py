"""Which topics exist. Higher layers fill this registry before the first socket opens.

A subscription may carry a filter, `logs?level=error&service=shop`. It becomes part of the topic's
name in one spelling, so that equal filters share one computation.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

_LONGEST_NAME: Final = 300
_MOST_FIELDS: Final = 8
_LONGEST_VALUE: Final = 100


@dataclass(frozen=True, slots=True)
class Topic:
    """One live subject.

    `produce` runs in a thread and returns JSON-ready data; it may use the database, and must give
    every viewer the same. `permission` is a Django permission ("app.codename"); "" admits every
    member of staff.
    """

    name: str
    interval_s: float
    produce: Callable[[], dict[str, Any]] = field(repr=False)
    permission: str = ""
    timeout_s: float = 10.0


Resolver = Callable[[str], Topic | None]
FilteredResolver = Callable[[str, Mapping[str, str]], Topic | None]

_topics: dict[str, Topic] = {}
_families: dict[str, Resolver] = {}
_filtered: dict[str, tuple[FilteredResolver, frozenset[str]]] = {}


def register(topic: Topic) -> None:
    """Add a topic; the same name again replaces the former."""
    _topics[topic.name] = topic


def register_family(prefix: str, resolve: Resolver) -> None:
    """Add all topics called `prefix:…`. `resolve` gets what follows the colon; None refuses it.

    `resolve` runs in a thread, may use the database and must answer unknown names with None: it
    alone keeps a client from inventing topics.
    """
    _families[prefix] = resolve


def register_filtered(prefix: str, resolve: FilteredResolver, fields: Collection[str]) -> None:
    """Add all topics called `prefix`, `prefix:…` and the same with `?field=value&…` behind.

    `resolve` gets what follows the colon ("" without one) and the filter, whose keys are among
    `fields` and whose values are at most 100 characters. It must check the values: None refuses.
    """
    _filtered[prefix] = (resolve, frozenset(fields))


def canonical(name: str) -> str | None:
    """The one spelling of a name and its filter; None when it cannot be the name of a topic.

    Sorted and escaped as a browser's `URLSearchParams` does it.
    """
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return None
    base, mark, query = name.partition("?")
    if not mark:
        return name
    found = _filter(query)
    if found is None:
        return None
    if not found:
        return base or None
    escaped = urlencode(sorted(found.items()), safe="*").replace("~", "%7E")
    whole = f"{base}?{escaped}"
    return whole if len(whole) <= _LONGEST_NAME else None


def find(name: str) -> Topic | None:
    """The topic of this canonical name; None when there is none. May use the database."""
    if canonical(name) != name:
        return None
    topic = _topics.get(name) or _resolved(name)
    # The name is what viewers share by: it must be the one they asked for.
    return topic if topic is None or topic.name == name else replace(topic, name=name)


def _resolved(name: str) -> Topic | None:
    base, mark, query = name.partition("?")
    prefix, colon, rest = base.partition(":")
    if prefix in _filtered:
        resolve, fields = _filtered[prefix]
        wanted = _filter(query) or {}
        return resolve(rest, wanted) if fields.issuperset(wanted) else None
    family = _families.get(prefix)
    return family(rest) if colon and not mark and family else None


def _filter(query: str) -> dict[str, str] | None:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    found = dict(pairs)
    longest = max(map(len, found.values()), default=0)
    if len(found) != len(pairs) or longest > _LONGEST_VALUE:
        return None
    # An empty value is what a form sends for "any".
    return {key: value for key, value in found.items() if key and value}
