"""The draft of a post-mortem from what the portal knows, and its versions."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.wording import duration
from apps.alerts.incidents import figures, log
from apps.alerts.incidents.timeline import deployments_near, timeline
from apps.alerts.incidents.wording import sentence
from apps.alerts.models import Incident, Notification, OutboxState, PostMortem
from apps.core.errors import ConflictError

_LONGEST: Final = 200_000
_LINES: Final = 300
# Markdown that a name from outside could smuggle in.
_SPECIAL: Final = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_[]<>#|"})


def draft(incident: Incident) -> str:
    """Markdown: summary, impact, figures, timeline, who was paged, changes, what is to be done."""
    moments = [one for one in timeline(incident) if not one.struck_by]
    episodes = list(incident.episodes.order_by("started_at", "pk")[:100])
    context: dict[str, Any] = {
        "incident": incident,
        "title": plain(incident.title),
        "figures": {
            name: duration(value) or "–" for name, value in asdict(figures.of(incident)).items()
        },
        "episodes": [
            (plain(one.rule_name), _figure(one.peak), _figure(one.threshold)) for one in episodes
        ],
        "moments": [(one.at, plain(sentence(one))) for one in moments[:_LINES]],
        "left_out": max(0, len(moments) - _LINES),
        "paged": _paged(incident),
        "changes": [(one.at, plain(str(one))) for one in deployments_near(incident)],
        "roles": [
            (row.get_role_display(), plain(row.person.get_username()))
            for row in incident.roles.select_related("person")
        ],
        "tasks": [(plain(task.text), task) for task in incident.tasks.select_related("person")],
    }
    return render_to_string("alerts/postmortem.txt", context).strip() + "\n"


def save(
    incident: Incident, text: str, by: str, *, generated: bool = False, seen: int | None = None
) -> PostMortem:
    """Keep a new version. `seen`: the newest one the writer knew (0: none), else no matter.

    Raises InvalidInputError; ConflictError when somebody wrote meanwhile.
    """
    text = log.sound(text, _LONGEST, _("A post-mortem"))
    with transaction.atomic():
        Incident.objects.select_for_update(no_key=True).get(pk=incident.pk)
        newest = PostMortem.objects.filter(incident=incident).aggregate(n=Max("version"))["n"] or 0
        if seen is not None and seen != newest:
            raise ConflictError(
                _("Version %(n)d was written meanwhile. Look at it first.") % {"n": newest}
            )
        made = PostMortem.objects.create(
            incident=incident, version=newest + 1, text=text, by=by[:200], generated=generated
        )
        log.note(incident, "postmortem", by, version=made.version, generated=generated)
    return made


def latest(incident: Incident) -> PostMortem | None:
    """The newest version; None while there is none."""
    return PostMortem.objects.filter(incident=incident).order_by("-version").first()


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return " ".join(text.split()).translate(_SPECIAL)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _paged(incident: Incident) -> list[tuple[str, str, datetime]]:
    """Which channel was told what, and when, by messages that were handed over."""
    rows = (
        Notification.objects.filter(
            episode__in=incident.episodes.all(), state=OutboxState.SENT, sent_at__isnull=False
        )
        .select_related("channel")
        .defer("payload")
        .order_by("sent_at")[:100]
    )
    return [
        (
            plain(row.channel.name if row.channel else row.kind),
            row.get_purpose_display(),
            row.sent_at,
        )
        for row in rows
        if row.sent_at is not None
    ]
