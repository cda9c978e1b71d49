"""RED by operation: the ranking, one operation over time, and its trends."""

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.core.api.cursors import Key
from apps.core.api.schema import ErrorSerializer
from apps.core.api.sources import Reader
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import NotFoundError
from apps.core.timerange import TimeRange
from apps.monitoring.api import ranges
from apps.monitoring.api.performance_shapes import (
    OperationParameters,
    OperationSerializer,
    OverTimeSerializer,
    RankedSerializer,
    RankingParameters,
    RankingRangeSerializer,
    StepParameters,
    point,
    trend_row,
)
from apps.monitoring.queries import ranking, red, trends
from apps.monitoring.queries.ranking import KINDS, Ranked
from apps.monitoring.queries.red import Wanted


def wanted(asked: dict[str, Any]) -> Wanted:
    """From validated parameters."""
    kind = asked.get("kind")
    kinds = (KINDS.index(kind),) if kind else Wanted().kinds
    return Wanted(asked["service"], asked.get("name", ""), asked.get("text", ""), kinds)


@dataclass
class _Fixed:
    """The range of one walk through pages: "the last hour" must not move between two of them."""

    time_range: TimeRange


class RankingView(ListEndpoint):
    """Operations by the time they took, by p95, by rate or by errors, the largest first."""

    parameters = RankingParameters
    item = RankedSerializer
    extra = RankingRangeSerializer
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_span"}

    def rows(self, request: Request, asked: dict[str, Any]) -> Reader[Ranked]:  # noqa: ARG002
        """At most 2000 operations, the busiest ones."""
        self.fixed = _Fixed(ranges.time_range(asked))

        def read(after: Key | None, limit: int) -> list[Ranked]:
            if after is not None:
                self.fixed.time_range = TimeRange(*after[2:])
            rows = ranking.ranking(self.fixed.time_range, wanted(asked), asked["order"])
            shown = (rows if after is None else _beyond(rows, after, asked))[:limit]
            if asked["details"]:
                return ranking.detailed(shown, self.fixed.time_range, wanted(asked))
            return shown

        def key(row: Ranked) -> Key:
            span = self.fixed.time_range
            return _value(row, asked), digest(row), span.start, span.end

        return Reader(read, key)

    def besides(self) -> dict[str, Any]:
        """The range the figures are of."""
        span = self.fixed.time_range
        return {"start": span.start, "end": span.end}


def _beyond(rows: list[Ranked], after: Key, asked: dict[str, Any]) -> list[Ranked]:
    """The rows after that of the key; where that one is gone, those with smaller figures."""
    for place, row in enumerate(rows):
        if digest(row) == after[1]:
            return rows[place + 1 :]
    return [row for row in rows if _value(row, asked) < after[0]]


def digest(row: Ranked) -> str:
    """A short name of its operation."""
    # Names may be longer than an address.
    return hashlib.blake2b("\0".join(map(str, row.operation)).encode(), digest_size=12).hexdigest()


def _value(row: Ranked, asked: dict[str, Any]) -> float:
    return float(ranking.ORDERS[asked["order"]](row))


class OperationView(Endpoint):
    """One operation over a range: its figures, and how they compare with earlier."""

    parameters = OperationParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_span"}

    @extend_schema(responses={200: OperationSerializer, 404: ErrorSerializer})
    def get(self, request: Request) -> HttpResponse:
        """Against the range before, and the same hours of the day and the week before."""
        asked = self.asked(request)
        time_range, which = ranges.time_range(asked), wanted(asked)
        found = red.operations(time_range, which)
        told = trends.trends(time_range, which, found)
        rows = ranking.ranked(found, time_range)
        if not rows:
            raise NotFoundError("Nobody asked for this operation in this range.")
        return self.reply(
            {
                "start": time_range.start,
                "end": time_range.end,
                "operations": [
                    {
                        **RankedSerializer(row).data,
                        "trend": trend_row(told[row.operation]),
                    }
                    for row in rows[:20]
                ],
            }
        )


class OverTimeView(Endpoint):
    """One operation, or all of a service as one, in steps."""

    parameters = StepParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "monitoring.view_span"}

    @extend_schema(responses=OverTimeSerializer)
    def get(self, request: Request) -> HttpResponse:
        """At most 1500 points. A step in which nothing came has n 0 and no durations."""
        asked = self.asked(request)
        time_range = ranges.time_range(asked)
        step_s = asked.get("step") or max(60, int(time_range.duration_s // 120))
        steps, length, found = red.over_time(time_range, step_s, wanted(asked))
        merged = red.by_step(found)
        return self.reply(
            {
                "step_s": int(length.total_seconds()),
                "points": [point(at, merged.get(at)) for at in steps],
            }
        )
