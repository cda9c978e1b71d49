"""Where the figures of rules are read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from apps.alerts import conf
from apps.alerts.evaluation import memory
from apps.alerts.evaluation.memory import Memory
from apps.alerts.models.rule import Rule
from apps.core.timerange import TimeRange
from apps.monitoring.queries import linecounts, reads, series, spanfigures
from apps.monitoring.queries.catalogue import MetricInfo, catalogue
from apps.monitoring.queries.linecounts import LineQuery
from apps.monitoring.queries.series import Latest, SeriesQuery, SeriesResult, latest
from apps.monitoring.queries.spanfigures import SpanQuery

_MOST_KEPT: Final = 200


class Source(Protocol):
    """Where figures come from; the store, unless a test or a preview says otherwise."""

    def now(self) -> datetime: ...

    def until(self, moment: datetime) -> None:
        """Windows end here from now on."""

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]: ...

    def before(self, query: SeriesQuery, window_s: float, ago_s: float) -> Sequence[Latest]: ...

    def history(
        self, query: SeriesQuery, time_range: TimeRange, step_s: int
    ) -> Sequence[SeriesResult]: ...

    def lines(self, query: LineQuery, window_s: float) -> Sequence[Latest]: ...

    def spans(self, query: SpanQuery, window_s: float) -> Sequence[Latest]: ...

    def info(self, metric: str) -> MetricInfo | None: ...

    def recall(self, rule: Rule) -> dict[str, Memory]: ...

    def remember(self, rule: Rule, changed: Mapping[str, Memory], gone: Sequence[str]) -> None: ...


class StoreSource:
    """The telemetry store, for one run: what a metric is is asked once.

    The engine says where windows end, on the database's clock, whatever this process believes the
    time to be.
    """

    def __init__(self) -> None:
        self._infos: dict[str, MetricInfo | None] = {}
        self._end: datetime | None = None
        self._read: dict[Any, Sequence[Latest]] = {}

    def now(self) -> datetime:
        """The end of every window."""
        return self._end or datetime.now(UTC)

    def until(self, moment: datetime) -> None:
        """Windows end here from now on."""
        self._end = moment

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:
        """The figure of the last `window_s` seconds of every group that was alive within a day.

        Rules that ask the same at one moment are answered by one reading.
        """
        scope = tuple(sorted(query.scope.items()))
        key = (query.metric, query.aggregation, scope, query.by, query.where, window_s, self._end)
        if self._end is None or key not in self._read:
            if len(self._read) >= _MOST_KEPT:
                self._read.clear()
            with reads.by("rule"):
                found = latest(query, window_s, now=self._end, most=conf.MOST_SERIES)
            self._read[key] = found
        return self._read[key]

    def before(self, query: SeriesQuery, window_s: float, ago_s: float) -> Sequence[Latest]:
        """The figure of the window that ended `ago_s` seconds ago, of every group alive in it."""
        end = self.now() - timedelta(seconds=ago_s)
        with reads.by("rule"):
            return series.over(query, TimeRange(end - timedelta(seconds=window_s), end))

    def history(
        self, query: SeriesQuery, time_range: TimeRange, step_s: int
    ) -> Sequence[SeriesResult]:
        """The figures of a range in steps."""
        with reads.by("rule"):
            return series.read(query, time_range, step_s)

    def lines(self, query: LineQuery, window_s: float) -> Sequence[Latest]:
        """Log lines counted over the last `window_s` seconds."""
        return linecounts.latest(query, window_s)

    def spans(self, query: SpanQuery, window_s: float) -> Sequence[Latest]:
        """A figure of the spans of the last `window_s` seconds."""
        return spanfigures.latest(query, window_s)

    def info(self, metric: str) -> MetricInfo | None:
        """Unit and kind of a metric; None while the store has never seen it."""
        if metric not in self._infos:
            named = (found for found in catalogue(metric, 100) if found.name == metric)
            self._infos[metric] = next(named, None)
        return self._infos[metric]

    def recall(self, rule: Rule) -> dict[str, Memory]:
        """What the rule remembers, by fingerprint."""
        return memory.recall(rule)

    def remember(self, rule: Rule, changed: Mapping[str, Memory], gone: Sequence[str]) -> None:
        """Keep what changed and forget what is gone."""
        memory.remember(rule, changed, gone)


class FailedSource(StoreSource):
    """Stands in for a source whose trouble has already shown."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def now(self) -> datetime:
        """The trouble."""
        raise self.error

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:  # noqa: ARG002
        """The trouble."""
        raise self.error

    def lines(self, query: LineQuery, window_s: float) -> Sequence[Latest]:  # noqa: ARG002
        """The trouble."""
        raise self.error

    def spans(self, query: SpanQuery, window_s: float) -> Sequence[Latest]:  # noqa: ARG002
        """The trouble."""
        raise self.error

    def info(self, metric: str) -> MetricInfo | None:  # noqa: ARG002
        """Nothing: it is not the time to ask."""
        return None
