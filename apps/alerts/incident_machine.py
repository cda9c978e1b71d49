"""Severities and statuses of incidents, and which status may follow which. No database."""

from enum import StrEnum
from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class IncidentSeverity(StrEnum):
    """How much of what people use is hurt."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


RANK: Final = {severity: rank for rank, severity in enumerate(IncidentSeverity)}
# What the alerts say, and the numbers other systems use.
_ALIASES: Final = {
    "warning": IncidentSeverity.MINOR,
    "info": IncidentSeverity.MINOR,
    "sev1": IncidentSeverity.CRITICAL,
    "sev2": IncidentSeverity.MAJOR,
    "sev3": IncidentSeverity.MINOR,
}


class Status(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"


UNRESOLVED: Final = (
    Status.OPEN, Status.ACKNOWLEDGED, Status.INVESTIGATING, Status.IDENTIFIED, Status.MONITORING,
)  # fmt: skip
_WORK: Final = (Status.INVESTIGATING, Status.IDENTIFIED, Status.MONITORING)
# What may follow each status. From resolved and closed, investigating is the way back.
NEXT: Final[dict[Status, tuple[Status, ...]]] = {
    Status.OPEN: (Status.ACKNOWLEDGED, *_WORK, Status.RESOLVED),
    Status.ACKNOWLEDGED: (*_WORK, Status.RESOLVED),
    Status.INVESTIGATING: (Status.IDENTIFIED, Status.MONITORING, Status.RESOLVED),
    Status.IDENTIFIED: (Status.INVESTIGATING, Status.MONITORING, Status.RESOLVED),
    Status.MONITORING: (Status.INVESTIGATING, Status.IDENTIFIED, Status.RESOLVED),
    Status.RESOLVED: (Status.CLOSED, Status.INVESTIGATING),
    Status.CLOSED: (Status.INVESTIGATING,),
}

SEVERITIES: Final = [
    (IncidentSeverity.MINOR.value, _("Minor")),
    (IncidentSeverity.MAJOR.value, _("Major")),
    (IncidentSeverity.CRITICAL.value, _("Critical")),
]
STATUSES: Final = [
    (Status.OPEN.value, pgettext_lazy("state", "Open")),
    (Status.ACKNOWLEDGED.value, _("Acknowledged")),
    (Status.INVESTIGATING.value, _("Investigating")),
    (Status.IDENTIFIED.value, _("Cause identified")),
    (Status.MONITORING.value, _("Monitoring the fix")),
    (Status.RESOLVED.value, _("Resolved")),
    (Status.CLOSED.value, _("Closed")),
]
ROLES: Final = [
    ("commander", _("Incident commander")),
    ("communications", _("Communications")),
    ("operations", _("Operations")),
    ("scribe", _("Scribe")),
]
LINKS: Final = [
    ("trace", _("Trace")),
    ("logs", _("Log lines")),
    ("proposal", _("Proposal")),
    ("bottleneck", _("Bottleneck")),
    ("chart", _("Chart")),
    ("page", _("Web page")),
]


def severity_of(word: str) -> IncidentSeverity | None:
    """The severity a word means, alerts' and numbered ones included; None for no such word."""
    word = word.strip().lower()
    if word in _ALIASES:
        return _ALIASES[word]
    return IncidentSeverity(word) if word in set(IncidentSeverity) else None


def may_follow(status: Status) -> tuple[Status, ...]:
    """The statuses from which `status` can be reached."""
    return tuple(before for before, after in NEXT.items() if status in after)
