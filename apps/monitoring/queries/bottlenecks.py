"""Bottlenecks of a range by the time they cost, and one of them in full."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Max, Q, QuerySet, Sum

from apps.core.timerange import TimeRange
from apps.monitoring.bottlenecks.advice import Advice, advise
from apps.monitoring.bottlenecks.kinds import CAUSES
from apps.monitoring.models import Bottleneck, ExaminedMinute

_MOST_SERVICES: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bottlenecks; empty means all. `state` "all" means every state."""

    service: str = ""
    kind: str = ""
    cause: str = ""
    route: str = ""
    state: str = Bottleneck.State.OPEN


@dataclass(frozen=True, slots=True)
class Cost:
    """One bottleneck, and what it cost within the range."""

    row: Bottleneck
    requests: int
    lost_us: int
    worst_us: int
    advice: Advice = field(repr=False)

    @property
    def mean_us(self) -> int:
        """What one request would gain without it."""
        return self.lost_us // self.requests if self.requests else 0


def costs(
    time_range: TimeRange, wanted: Wanted, after: Sequence[Any] | None = None, limit: int = 50
) -> list[Cost]:
    """The costliest first; `after` is (lost_us, id) of the last one before."""
    found = _of(wanted).filter(
        sightings__minute__gte=_floor(time_range.start), sightings__minute__lt=time_range.end
    )
    found = found.annotate(
        range_lost=Sum("sightings__lost_us"),
        range_requests=Sum("sightings__requests"),
        range_worst=Max("sightings__worst_us"),
    )
    if after is not None:
        lost, pk = after
        found = found.filter(Q(range_lost__lt=lost) | Q(range_lost=lost, pk__lt=pk))
    rows = found.order_by("-range_lost", "-pk")[:limit]
    return [
        Cost(row, row.range_requests, row.range_lost, row.range_worst, _advice(row)) for row in rows
    ]


def one(row: Bottleneck, time_range: TimeRange) -> Cost:
    """What one bottleneck cost within a range; nothing where it was not seen in it."""
    told = row.sightings.filter(
        minute__gte=_floor(time_range.start), minute__lt=time_range.end
    ).aggregate(requests=Sum("requests"), lost=Sum("lost_us"), worst=Max("worst_us"))
    return Cost(row, told["requests"] or 0, told["lost"] or 0, told["worst"] or 0, _advice(row))


def over_time(row: Bottleneck, time_range: TimeRange, step_s: int) -> list[tuple[datetime, int]]:
    """Start of each step in which it was seen, and the microseconds it cost there."""
    steps: dict[datetime, int] = {}
    found = row.sightings.filter(
        minute__gte=_floor(time_range.start), minute__lt=time_range.end
    ).values_list("minute", "lost_us")
    step = timedelta(seconds=max(step_s, 60))
    origin = datetime(1970, 1, 1, tzinfo=UTC)
    for minute, lost in found.order_by("minute"):
        start = minute - (minute - origin) % step
        steps[start] = steps.get(start, 0) + lost
    return sorted(steps.items())


def services() -> list[str]:
    """Every service with a bottleneck."""
    found = Bottleneck.objects.order_by("service").values_list("service", flat=True).distinct()
    return list(found[:_MOST_SERVICES])


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the walk has come: its newest minute, and the smallest share of traces it read."""

    newest: datetime | None
    share: float


def reach(time_range: TimeRange) -> Reach:
    """What of a range was looked at. `share` is 1 when all of it was, or none."""
    found = ExaminedMinute.objects.filter(
        minute__gte=_floor(time_range.start), minute__lt=time_range.end
    ).values_list("minute", "share")
    rows = list(found.order_by("-minute")[:50_000])
    return Reach(rows[0][0] if rows else None, min((share for _, share in rows), default=1.0))


def _of(wanted: Wanted) -> "QuerySet[Bottleneck]":
    found = Bottleneck.objects.all()
    if wanted.state != "all":
        found = found.filter(state=wanted.state)
    if wanted.service:
        found = found.filter(service=wanted.service)
    if wanted.kind:
        found = found.filter(kind=wanted.kind)
    if wanted.cause:
        found = found.filter(kind__in=[k for k, cause in CAUSES.items() if cause == wanted.cause])
    if wanted.route:
        found = found.filter(route__icontains=wanted.route)
    return found


def _advice(row: Bottleneck) -> Advice:
    return advise(row.kind, row.subject, row.facts)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
