"""Which senders there are, how their bodies are read, and how long their alerts last untold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from apps.alerts.foreign import mapping as mappings
from apps.alerts.foreign.intake import Sender, take
from apps.alerts.foreign.told import (
    Problems,
    Told,
    read_alert,
    read_many,
    read_webhook_alert,
    refuse,
)
from apps.alerts.models import ForeignSource
from apps.core.errors import InvalidInputError, NotFoundError

# Alertmanager's resolve_timeout. Prometheus names an end, four evaluations ahead.
RESOLVE_TIMEOUT: Final = timedelta(minutes=5)
# Webhooks tell of an end, and of what goes on only every few hours (repeat_interval, 4 h).
WEBHOOK_HOLD: Final = timedelta(days=1)
PROMETHEUS: Final = Sender("prometheus", RESOLVE_TIMEOUT)
Reader = Callable[[Any], tuple[list[Told], Problems]]
_Format = ForeignSource.Format


@dataclass(frozen=True, slots=True)
class Source:
    """A sender, and how its bodies are read."""

    sender: Sender
    read: Reader


def find(key: str) -> Source:
    """The source with this key: one that people made, or one named like its format.

    Raises NotFoundError.
    """
    row = ForeignSource.objects.filter(key=key).first()
    if row is not None and row.enabled:
        sender = Sender(row.key, WEBHOOK_HOLD, row.opens_incident)
        return Source(sender, _reader(row.format, row.mapping))
    if row is None and key in _Format.values:
        return Source(Sender(key, WEBHOOK_HOLD), _reader(key, {}))
    raise NotFoundError(
        "There is no alert source at this address.", {"known": sorted(_Format.values)}
    )


def receive(key: str, body: Any) -> int:
    """Take in what a webhook told; how many alerts. Good ones are kept whatever others are like.

    Raises NotFoundError, and InvalidInputError when some could not be read.
    """
    source = find(key)
    told, problems = source.read(body)
    taken = take(told, source.sender)
    refuse(problems)
    return taken


def receive_prometheus(body: Any) -> int:
    """The same for Alertmanager's API v2."""
    told, problems = read_many(body, read_alert)
    taken = take(told, PROMETHEUS)
    refuse(problems)
    return taken


def _reader(shape: str, mapping: Any) -> Reader:
    if shape == _Format.JSON:
        reading = mappings.reading_of(mapping)
        return partial(_read_json, reading)
    return _read_webhook


def _read_json(reading: mappings.Reading, body: Any) -> tuple[list[Told], Problems]:
    found = mappings.alerts_in(body, reading)
    return read_many(found, partial(mappings.read_json, reading=reading), "alerts")


def _read_webhook(body: Any) -> tuple[list[Told], Problems]:
    if not isinstance(body, dict) or body.get("version") != "4":
        raise InvalidInputError("The body is no webhook of Alertmanager, version 4.")
    return read_many(body.get("alerts"), read_webhook_alert, "alerts")
