"""The log of an incident: lines are added, comments can be struck out, nothing else."""

from typing import Any, Final

from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.models import Incident, IncidentEvent
from apps.core.errors import ConflictError, InvalidInputError

_LONGEST: Final = 10_000
COMMENT: Final = "comment"


def note(incident: Incident, kind: str, by: str, text: str = "", **detail: Any) -> IncidentEvent:
    """Add a line, in the transaction of the change it tells of."""
    return IncidentEvent.objects.create(
        incident=incident, kind=kind, actor=by[:200], text=text, detail=detail
    )


def comment(incident: Incident, text: str, by: str) -> IncidentEvent:
    """Add what a person has to say. Raises InvalidInputError."""
    return note(incident, COMMENT, by, sound(text, _LONGEST, _("a comment")))


def strike(incident: Incident, event: int, by: str) -> None:
    """Strike a comment out; it stays readable. Raises ConflictError."""
    struck = IncidentEvent.objects.filter(
        pk=event, incident=incident, kind=COMMENT, struck_at__isnull=True
    ).update(struck_at=Now(), struck_by=by[:200])
    if not struck:
        raise ConflictError(_("Only a comment can be struck out, and only once."))


def sound(text: str, longest: int, what: Any) -> str:
    """Text as it can be kept. Raises InvalidInputError when there is none or too much of it."""
    text = text.replace("\0", "").strip()
    if not text or len(text) > longest:
        raise InvalidInputError(
            _("%(what)s has 1 to %(longest)d letters.") % {"what": what, "longest": longest}
        )
    return text
