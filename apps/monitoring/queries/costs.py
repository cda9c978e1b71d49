"""What metrics cost, and who reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet, Sum

from apps.monitoring.models import DropRule, MetricCost
from apps.monitoring.queries import selection
from apps.monitoring.queries.reads import READS

UNUSED_AFTER: Final = timedelta(days=30)
_MOST_READS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Read:
    """One kind of reader and when it last asked, to ten minutes."""

    reader: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """Who reads which metric. `since`: from when on reads were counted; None: they are not."""

    reads: dict[str, list[Read]] = field(default_factory=dict)
    since: datetime | None = None

    def last(self, name: str) -> datetime | None:
        """When anybody last read the metric; None: not since reads are counted."""
        return max((read.at for read in self.reads.get(name, ())), default=None)

    def unused(self, cost: MetricCost, now: datetime | None = None) -> bool:
        """Whether nobody has read the metric for 30 days, in which reads were counted."""
        limit = (now or datetime.now(UTC)) - UNUSED_AFTER
        known_for = self.since is not None and self.since < limit
        last = self.last(cost.name)
        return known_for and cost.first_measured_at < limit and (last is None or last < limit)


@dataclass(frozen=True, slots=True)
class Total:
    """All metrics together."""

    metrics: int
    series: int
    rows: int
    bytes: int
    points_per_s: float
    measured_at: datetime | None
    sampled: bool


def usage(names: Iterable[str] | None = None) -> Usage:
    """Who reads these metrics; None: all."""
    wanted = None if names is None else list(names)
    with selection.reader() as cursor:
        cursor.execute(
            "SELECT s.attrs ->> 'metric.name', s.attrs ->> 'reader', max(s.last_seen)"
            " FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id WHERE m.name = %s"
            " AND (%s::text[] IS NULL OR s.attrs ->> 'metric.name' = ANY(%s::text[]))"
            " AND s.attrs ? 'metric.name' GROUP BY 1, 2 LIMIT %s",
            [READS, wanted, wanted, _MOST_READS],
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT min(s.first_seen) FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id"
            " WHERE m.name = %s",
            [READS],
        )
        (since,) = cursor.fetchone() or (None,)
    found: dict[str, list[Read]] = {}
    for name, reader, at in rows:
        found.setdefault(name, []).append(Read(reader or "page", at))
    return Usage(found, since)


def costs(search: str = "") -> "QuerySet[MetricCost]":
    """Metrics whose name holds each word, the most bytes first."""
    match = Q()
    for word in search.replace("\0", "").split()[:10]:
        match &= Q(name__icontains=word)
    return MetricCost.objects.filter(match).order_by("-bytes", "name")


def total() -> Total:
    """All metrics together."""
    sums = MetricCost.objects.aggregate(
        series=Sum("series"), rows=Sum("rows"), bytes=Sum("bytes"), rate=Sum("points_per_s")
    )
    newest = MetricCost.objects.order_by("-measured_at").first()
    return Total(
        MetricCost.objects.count(), sums["series"] or 0, sums["rows"] or 0, sums["bytes"] or 0,
        sums["rate"] or 0.0, newest.measured_at if newest else None,
        bool(newest and newest.sampled),
    )  # fmt: skip


def dropped(names: Sequence[str] | None = None) -> dict[str, DropRule]:
    """The drop rules by metric, at most 1,000."""
    rules = DropRule.objects.all() if names is None else DropRule.objects.filter(name__in=names)
    return {rule.name: rule for rule in rules[:1000]}
