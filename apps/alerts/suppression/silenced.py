"""Reason: a silence in force matches."""

from datetime import datetime
from uuid import UUID

import structlog
from django.utils.translation import gettext as _

from apps.alerts.models import Silence
from apps.alerts.suppression.index import Index
from apps.alerts.suppression.verdict import Hearing, Kind, Suppression
from apps.core.errors import InvalidInputError

log = structlog.get_logger(__name__)


def found(hearing: Hearing) -> dict[UUID, Suppression]:
    """Silenced episodes; of several silences the one that ends last is named."""
    index = in_force(hearing.at)
    verdicts: dict[UUID, Suppression] = {}
    for case in hearing.cases:
        silences = index.matching(case.labels)
        if silences:
            last = max(silences, key=lambda one: (one.ends_at, str(one.pk)))
            verdicts[case.episode.pk] = _suppression(last)
    return verdicts


def in_force(at: datetime) -> Index[Silence]:
    """The silences of a moment, ready to be asked."""
    rows = Silence.objects.filter(starts_at__lte=at, ends_at__gt=at)
    sets = []
    for row in rows:
        try:
            sets.append((row, row.matchers))
        except InvalidInputError:
            # Rather a page too many than an alert lost to a row nobody can read.
            log.warning("silence_unreadable", silence=str(row.pk))
    return Index(sets)


def _suppression(silence: Silence) -> Suppression:
    text = _("Silenced by %(by)s: %(comment)s") % {
        "by": silence.created_by, "comment": silence.comment,
    }  # fmt: skip
    return Suppression(Kind.SILENCED, f"silence:{silence.pk}", text, silence.ends_at)
