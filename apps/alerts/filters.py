"""The filters of alerts and incidents: the same names for the API, the pages and the admin."""

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.alerts.incident_machine import SEVERITIES as INCIDENT_SEVERITIES
from apps.alerts.incident_machine import STATUSES, UNRESOLVED
from apps.alerts.machine import ACTIVE, OPEN, State
from apps.alerts.models import Acknowledgement
from apps.alerts.models.words import SEVERITIES, STATES
from apps.core.api.filters import Filters, OneOf, Parsed, Phrase, SomeOf
from apps.core.timerange import TimeRange

_SERVICE = "service.name"
_OPEN = {
    "open": (_("open"), [str(state) for state in OPEN]),
    "active": (_("open and pending"), [str(state) for state in ACTIVE]),
}
_ANY = {**_OPEN, "all": (_("all"), [str(state) for state in State])}
_BEGUN = "Begun at this time or later: now-6h, an ISO 8601 time or milliseconds."


def labels_of(text: str) -> dict[str, str]:
    """`name=value,name=value` as a mapping. Raises ValidationError."""
    labels: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name or "\0" in part:
            raise serializers.ValidationError(f"{part!r} is not written as name=value.")
        labels[name.strip()] = value.strip()
    return labels


def _moment(text: str) -> datetime | None:
    return TimeRange.parse(text, "now").start if text else None


def _rule(text: str) -> Q:
    # A number that no bigint holds is no id, but may be part of a name.
    by_name = Q(rule_name__icontains=text)
    is_id = text.isascii() and text.isdigit() and len(text) < 19
    return by_name | Q(rule=int(text)) if is_id else by_name


def _taken(word: str) -> Q:
    held = Q(pk__in=Acknowledgement.objects.filter(ended_at=None).values("episode"))
    return held if word == "yes" else ~held


def _status(word: str) -> Q:
    if word == "unresolved":
        return Q(status__in=[str(status) for status in UNRESOLVED])
    return Q() if word == "all" else Q(status=word)


class AlertFilters(Filters):
    """Query parameters of the alerts: those that fire now unless `state` says otherwise."""

    state = SomeOf(
        STATES, groups=_ANY, default="open", label=_("State"), max_length=200, where="state__in",
        help_text="One or more of pending, firing, recovering, resolved, inactive; or open, active "
        "(open or pending), all.",
    )  # fmt: skip
    severity = SomeOf(
        SEVERITIES, label=_("Severity"), max_length=100, where="severity__in",
        help_text="warning, critical, or both.",
    )  # fmt: skip
    taken = OneOf(
        [("no", _("by nobody")), ("yes", _("by somebody"))], label=_("Taken"), where=_taken,
        help_text="Whether somebody has acknowledged it.",
    )  # fmt: skip
    service = Phrase(
        label=_("Service"), max_length=200, where=lambda name: Q(labels__contains={_SERVICE: name})
    )
    rule = Phrase(
        label=_("Rule"), max_length=200, where=_rule, help_text="A rule's id, or part of its name."
    )
    source = Phrase(  # type: ignore[assignment]
        max_length=64, where="source",
        help_text="Who told it, where it was none of our rules: alertmanager, rule-health, …",
    )  # fmt: skip
    label = Parsed(  # type: ignore[assignment]
        labels_of, mend=_("Write a label as name=value."), label=_("Label"), max_length=1000,
        where="labels__contains", style={"placeholder": "host.name=web-1"},
        help_text="One or more of name=value, separated by commas; all must match.",
    )  # fmt: skip
    since = Parsed(_moment, max_length=64, where="started_at__gte", help_text=_BEGUN)


class HistoryFilters(AlertFilters):
    """Query parameters of the history."""

    state = SomeOf(STATES, groups=_ANY, default="all", max_length=200, where="state__in")
    since = Phrase(  # type: ignore[assignment]
        default="now-7d", allow_blank=False, max_length=64, where="started_at__gte",
        help_text=_BEGUN,
    )  # fmt: skip
    until = Phrase(
        default="now", allow_blank=False, max_length=64, where="started_at__lt",
        help_text="Begun before this time; as `since`.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both ends as moments."""
        span = TimeRange.parse(attrs["since"], attrs["until"])
        return {**attrs, "since": span.start, "until": span.end}


class BoardFilters(AlertFilters):
    """Those of the board, which shows nothing that is over."""

    state = SomeOf(
        [(key, words) for key, words in STATES if key in ACTIVE], groups=_OPEN, whole=False,
        default="open", label=_("State"), max_length=200, where="state__in",
    )  # fmt: skip
    group = OneOf(
        [("rule", _("rule")), ("service", _("service")), ("severity", _("severity")),
         ("none", _("nothing"))],
        default="rule", label=_("Group by"),
    )  # fmt: skip


class IncidentFilters(Filters):
    """Query parameters of the incidents: the unresolved ones unless `status` says otherwise."""

    status = OneOf(
        [("unresolved", _("unresolved")), *STATUSES, ("all", _("all"))], default="unresolved",
        label=_("Status"), where=_status,
    )  # fmt: skip
    severity = OneOf(INCIDENT_SEVERITIES, label=_("Severity"), where="severity")
    service = Phrase(
        label=_("Service"), max_length=600, where=lambda name: Q(services__contains=[name])
    )
    text = Phrase(
        label=_("Title"), max_length=200, where="title__icontains", help_text="Part of the title."
    )
