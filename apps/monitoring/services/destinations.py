"""Verbs of destinations: say where and as whom, and try it out."""

from time import time_ns
from typing import Final

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.core.clock import db_now
from apps.core.errors import InvalidInputError
from apps.core.vault import SealBrokenError
from apps.monitoring.forward import minutes
from apps.monitoring.forward import switchboard as _switchboard  # noqa: F401 (registers the kinds)
from apps.monitoring.forward.base import LOGS, METRICS, SIGNALS, TRACES, Kind
from apps.monitoring.forward.sender import Sender, Setup
from apps.monitoring.models import Destination
from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import Batch, LogRecord

_INFO: Final = 9
_MOST: Final = 20


def prepare(destination: Destination, credentials: str | None) -> None:
    """Check address and credentials and seal the latter; None leaves them as they are.

    Raises InvalidInputError, SealBrokenError.
    """
    kind = Kind.registry[destination.kind]
    clear = destination.credentials.reveal() if credentials is None else credentials
    destination.endpoint = kind.check(destination.endpoint, clear)
    if credentials is not None:
        destination.credentials = credentials.strip()


def try_out(destination: Destination) -> str:
    """Send one log line (or an empty request where it takes none) and say what came back, "" when
    it was taken. Raises SealBrokenError, InvalidInputError."""
    kind = Kind.registry[destination.kind]
    signal = LOGS if destination.logs and LOGS in kind.signals else TRACES
    setup = Setup(
        destination.pk, destination.name, destination.kind, destination.endpoint, "", SIGNALS
    )
    sender = Sender(setup, destination.credentials.reveal())
    line = LogRecord(
        own_resource(), time_ns(), time_ns(), _INFO, "A test line from Pharos.",
        {"event": "destination_test"},
    )  # fmt: skip
    told = ""
    for parcel in kind.parcels([Batch(logs=[line])], [signal]):
        told = sender.post(parcel).reason
    sender.hang_up()
    _note(destination, told)
    return told


def send_minutes() -> int:
    """Send finished minutes to the destinations that take differences only; how many were taken."""
    kinds = [name for name, kind in Kind.registry.items() if kind.minutes]
    rows = Destination.objects.filter(enabled=True, metrics=True, kind__in=kinds)
    return sum(map(_send_minutes, rows[:_MOST]))


def _send_minutes(destination: Destination) -> int:
    setup = Setup(
        destination.pk, destination.name, destination.kind, destination.endpoint, "", (METRICS,)
    )
    try:
        sender = Sender(setup, destination.credentials.reveal())
    except (SealBrokenError, InvalidInputError) as error:
        _note(destination, str(error))
        return 0
    try:
        sent = minutes.send(sender, None, db_now())
    finally:
        sender.hang_up()
    if sent is None:
        return 0
    if sent.error or sent.minutes:
        _note(destination, sent.error)
    return sent.minutes


def _note(destination: Destination, error: str) -> None:
    row = Destination.objects.filter(pk=destination.pk)
    if error:
        row.update(last_error_at=Now(), last_error=error[:300])
    else:
        row.update(last_ok_at=Now())


def gist(destination: Destination) -> str:
    """How it fares, in words."""
    if not destination.enabled:
        return _("off")
    error_at, ok_at = destination.last_error_at, destination.last_ok_at
    if error_at and (ok_at is None or error_at > ok_at):
        return destination.last_error
    return _("accepts") if ok_at else _("nothing sent yet")
