"""What people do with traces."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.core import caller
from apps.core.errors import NotFoundError
from apps.core.services import audit
from apps.monitoring.services import pins
from apps.monitoring.services.pins import PinReason
from apps.monitoring.traces import reading

# How long a trace pinned by hand is kept.
PINNED_FOR: Final = timedelta(days=90)


def pin(trace_id: UUID) -> datetime:
    """Keep a trace beyond sampling and retention; until when. Raises NotFoundError."""
    found = reading.read(trace_id, most=1)
    if found is None:
        raise NotFoundError(_("Nothing of this trace is kept."))
    until = datetime.now(UTC) + PINNED_FOR
    with transaction.atomic():
        pins.pin([(trace_id, found.start)], PinReason.HAND, until)
        audit.record(caller.actor(), "trace.pin", trace_id.hex, None, {"until": until})
    return until


def unpin(trace_id: UUID) -> bool:
    """Let a trace that was pinned by hand go again; whether it was."""
    with transaction.atomic():
        gone = pins.unpin(trace_id, PinReason.HAND)
        if gone:
            audit.record(caller.actor(), "trace.unpin", trace_id.hex)
    return gone
