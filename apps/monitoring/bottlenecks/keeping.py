"""What one minute showed, into the tables: a minute is replaced as a whole, however often."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, QuerySet

from apps.monitoring.bottlenecks.folding import Seen, costliest
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.models import Bottleneck, RouteMinute, Sighting
from apps.monitoring.services.pins import PinReason, pin

# The costliest of a minute; a service that invents routes must not fill the tables.
MOST_A_MINUTE: Final = 200
_MOST_ROUTES: Final = 1000
_PINNED: Final = timedelta(days=14)
# Evidence of long ago says little about today.
_EVIDENCE: Final = timedelta(days=1)
_UPDATED: Final = ("last_seen", "first_seen", "requests", "lost_us", "worst_us", "share", "facts",
                   "evidence")  # fmt: skip
_BATCH: Final = 500


def keep(minute: datetime, seen: Mapping[str, Seen], asked: Counter[str], share: float) -> int:
    """Store what `minute` showed in place of what was known of it; how many were left out.

    In the caller's transaction.
    """
    kept = dict(sorted(seen.items(), key=lambda item: -item[1].lost_us)[:MOST_A_MINUTE])
    before = {
        one.bottleneck_id: one
        for one in _of_walk(minute).select_for_update()
    }  # fmt: skip
    rows = _merged(kept, asked, before, share)
    Bottleneck.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["fingerprint"], update_fields=_UPDATED
    )
    ids = dict(
        Bottleneck.objects.filter(fingerprint__in=kept).values_list("fingerprint", "pk")
    )  # fmt: skip
    _forget(minute, before, set(ids.values()))
    _replace(minute, kept, ids, asked, share)
    Bottleneck.objects.filter(
        pk__in=ids.values(), state=Bottleneck.State.RESOLVED, state_since__lt=F("last_seen")
    ).update(state=Bottleneck.State.OPEN, state_since=datetime.now(UTC))
    _pin(rows)
    return len(seen) - len(kept)


def _of_walk(minute: datetime) -> "QuerySet[Sighting]":
    """What walks keep of a minute; deployments are watched by `deploys`."""
    kind = BottleneckKind.REGRESSION
    return Sighting.objects.filter(minute=minute).exclude(bottleneck__kind=kind)


def _merged(
    kept: Mapping[str, Seen], asked: Counter[str], before: dict[int, Sighting], share: float
) -> list[Bottleneck]:
    """The rows as they will be, in the order of their fingerprints."""
    known = {one.fingerprint: one for one in Bottleneck.objects.filter(fingerprint__in=kept)}
    rows = []
    for key, one in sorted(kept.items()):
        row = known.get(key) or Bottleneck(
            fingerprint=key, kind=one.kind, service=one.service, route=one.route,
            subject=one.subject, route_key=one.route_key, first_seen=one.at, last_seen=one.last,
        )  # fmt: skip
        old = before.get(row.pk)
        row.requests += round(one.requests / share) - (old.requests if old else 0)
        row.lost_us += round(one.lost_us / share) - (old.lost_us if old else 0)
        row.first_seen = min(row.first_seen, one.at)
        if one.last >= row.last_seen or not row.facts:
            row.facts = one.facts
            row.share = min(1.0, one.requests / max(asked[one.route_key], one.requests, 1))
        row.last_seen = max(row.last_seen, one.last)
        row.worst_us = max(row.worst_us, one.worst_us)
        oldest = (row.last_seen - _EVIDENCE).isoformat()
        recent = [told for told in row.evidence if told["at"] >= oldest]
        # A minute that is done again brings its traces whole.
        row.evidence = costliest([*one.evidence.values(), *recent])
        rows.append(row)
    return rows


def _forget(minute: datetime, before: dict[int, Sighting], again: set[int]) -> None:
    """Take back what the minute had shown and, with spans that came since, does not any more."""
    for pk, old in before.items():
        if pk not in again:
            Bottleneck.objects.filter(pk=pk).update(
                requests=F("requests") - old.requests, lost_us=F("lost_us") - old.lost_us
            )
    _of_walk(minute).delete()


def _replace(
    minute: datetime, kept: Mapping[str, Seen], ids: Mapping[str, int], asked: Counter[str],
    share: float,
) -> None:  # fmt: skip
    Sighting.objects.bulk_create(
        Sighting(
            bottleneck_id=ids[key], minute=minute, requests=round(one.requests / share),
            lost_us=round(one.lost_us / share), worst_us=max(one.worst_us, 0),
        )
        for key, one in sorted(kept.items())
    )  # fmt: skip
    RouteMinute.objects.filter(minute=minute).delete()
    RouteMinute.objects.bulk_create(
        [
            RouteMinute(route_key=key, minute=minute, requests=round(n / share))
            for key, n in asked.most_common(_MOST_ROUTES)
        ],
        batch_size=_BATCH,
    )


def _pin(rows: list[Bottleneck]) -> None:
    """Evidence must outlive sampling."""
    traces = {
        UUID(told["trace_id"]): datetime.fromisoformat(told["at"])
        for row in rows for told in row.evidence
    }  # fmt: skip
    pin(list(traces.items()), PinReason.EVIDENCE, datetime.now(UTC) + _PINNED)
