"""What the explorer is asked, read from its address as its endpoint reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.alerts.models.rule import AGGREGATIONS as RULED
from apps.core.charts.board import BoardParameters
from apps.monitoring.api.conditions import parsed, where_field
from apps.monitoring.models import Metric
from apps.monitoring.queries import charts, distributions
from apps.monitoring.queries.filters import Filter
from apps.monitoring.queries.ranked import MOST_LINES
from apps.monitoring.queries.series import AGGREGATIONS, SeriesQuery

TOPS: Final = (5, 10, MOST_LINES)
DEFAULT_TOP: Final = 10
STEPS: Final = (
    (10, "10 s"), (30, "30 s"), (60, "1 min"), (300, "5 min"), (900, "15 min"), (3600, "1 h"),
    (21_600, "6 h"), (86_400, "1 d"),
)  # fmt: skip
_OF_LEVELS: Final = ("avg", "min", "max", "sum", "last", "count")
_OF_COUNTERS: Final = ("rate", "increase", "count")
_OF_HISTOGRAMS: Final = (
    *distributions.QUANTILES, "avg", "min", "max", "rate", "count", "sum",
)  # fmt: skip
_WORDS: Final = {
    "avg": _("mean"), "min": _("least"), "max": _("most"), "sum": _("sum over series"),
    "last": _("last value"), "count": _("number"), "rate": _("per second"),
    "increase": _("gain"), "p999": "p99.9", "p9999": "p99.99",
}  # fmt: skip


class QuestionParameters(BoardParameters):
    """The metric, its series, and what to make of them."""

    name = serializers.CharField(max_length=600, help_text="The name of the metric.")
    where = where_field()
    by = serializers.ListField(
        child=serializers.CharField(max_length=255), default=list, max_length=10,
        help_text="Labels that keep series apart; may be given several times.",
    )  # fmt: skip
    agg = serializers.ChoiceField(AGGREGATIONS, required=False)
    top = serializers.IntegerField(min_value=1, max_value=MOST_LINES, default=DEFAULT_TOP)
    step = serializers.IntegerField(
        min_value=1, max_value=31 * 86_400, required=False, help_text="Seconds, at least."
    )

    def validate_where(self, value: list[str]) -> tuple[Filter, ...]:
        """Conditions."""
        return parsed(value)

    def validate_by(self, value: list[str]) -> tuple[str, ...]:
        """Labels, each once."""
        return tuple(dict.fromkeys(value))


@dataclass(frozen=True)
class Question:
    """One metric asked for; `mistakes` maps a field to a sentence that names the mend."""

    query: SeriesQuery
    top: int
    step_s: int | None

    @classmethod
    def of(cls, asked: dict[str, Any]) -> "Question":
        """From validated parameters. Raises InvalidInputError for an unknown metric."""
        name = asked["name"]
        aggregation = asked.get("agg") or charts.usual_of(name)
        query = SeriesQuery(name, aggregation, by=asked["by"], where=asked["where"])
        return cls(query, asked["top"], asked.get("step"))

    def rule_href(self) -> str:
        """The form of a new rule over the same figure; "" where a rule cannot say the same."""
        query = self.query
        same = query.aggregation in dict(RULED) and all(f.operator == "=" for f in query.where)
        if not same:
            return ""
        scope = {one.label: one.value for one in query.where}
        wish = {
            "name": f"{query.aggregation} {query.metric}"[:200],
            "metric": query.metric,
            "aggregation": query.aggregation,
            "scope": orjson.dumps(scope).decode(),
            "by": ",".join(query.by[:8]),
        }
        return f"{reverse('admin:alerts_rule_add')}?{urlencode(wish)}"


def filled(query: QueryDict) -> QueryDict:
    """The parameters somebody filled in: a form sends the others as empty."""
    kept = QueryDict(mutable=True)
    names = ("name", "where", "by", "agg", "top", "step")
    for name in names:
        if texts := [text.replace("\0", "") for text in query.getlist(name) if text.strip("\0")]:
            kept.setlist(name, texts)
    return kept


def aggregations(kinds: Sequence[Metric], chosen: str) -> list[tuple[str, Any]]:
    """What can be made of a metric: value and word, the one that is chosen among them."""
    names: tuple[str, ...] = _OF_LEVELS
    if any(metric.kind == Metric.Kind.HISTOGRAM for metric in kinds):
        names = _OF_HISTOGRAMS
    elif any(metric.kind == Metric.Kind.SUM and metric.monotonic for metric in kinds):
        names = (*_OF_COUNTERS, *_OF_LEVELS[:4])
    if chosen and chosen not in names:
        names = (*names, chosen)
    return [(name, _WORDS.get(name, name)) for name in names]
