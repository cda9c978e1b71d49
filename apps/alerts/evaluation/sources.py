"""Where the figures of rules are read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from apps.alerts import conf
from apps.alerts.evaluation import memory
from apps.alerts.evaluation.memory import Memory
from apps.alerts.evaluation.shared import Shared
from apps.alerts.models.rule import Rule
from apps.core.timerange import TimeRange
from apps.monitoring.queries import linecounts, reads, series, spanfigures
from apps.monitoring.queries.catalogue import MetricInfo, exactly
from apps.monitoring.queries.linecounts import LineQuery
from apps.monitoring.queries.series import Latest, SeriesQuery, SeriesResult, latest
from apps.monitoring.queries.spanfigures import SpanQuery


class Source(Protocol):
    """Where figures come from; the store, unless a test or a preview says otherwise."""

    def now(self) -> datetime: ...

    def until(self, moment: datetime) -> None:
        """Windows end here from now on."""

    def expect(self, rules: Sequence[Rule]) -> None:
        """These are read next, and may be read together."""

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
        self._infos: dict[str, list[MetricInfo]] = {}
        self._shared = Shared(())
        self._end: datetime | None = None
        self._read: dict[Any, Sequence[Latest]] = {}

    def now(self) -> datetime:
        """The end of every window."""
        return self._end or datetime.now(UTC)

    def until(self, moment: datetime) -> None:
        """Windows end here from now on."""
        self._end = moment

    def expect(self, rules: Sequence[Rule]) -> None:
        """These are read next, and may be read together."""
        self._shared = Shared(rules)
        self._read.clear()
        names = {rule.metric for rule in rules} - self._infos.keys()
        if names:
            found = exactly(names)
            self._infos.update((name, found.get(name, [])) for name in names)

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:
        """The figure of the last `window_s` seconds of every group that was alive within a day.

        Rules that ask the same at one moment are answered by one reading.
        """
        if self._end is None:
            return self._latest(query, window_s)
        key = self._key(query, query.scope, window_s)
        if key not in self._read:
            self._fill(query, window_s)
        return self._read[key]

    def _fill(self, query: SeriesQuery, window_s: float) -> None:
        together = None
        if len(self._named(query.metric)) == 1:
            together = self._shared.read(
                query, lambda shared: self._latest(shared, window_s), conf.MOST_SERIES
            )
        for scope, found in together or [(query.scope, list(self._latest(query, window_s)))]:
            self._read[self._key(query, scope, window_s)] = found

    def _latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:
        with reads.by("rule"):
            return latest(query, window_s, now=self._end, most=conf.MOST_SERIES)

    def _key(self, query: SeriesQuery, scope: Mapping[str, str], window_s: float) -> Any:
        return (
            query.metric, query.aggregation, tuple(sorted(scope.items())), query.by, query.where,
            window_s, self._end,
        )  # fmt: skip

    def _named(self, metric: str) -> list[MetricInfo]:
        if metric not in self._infos:
            self._infos[metric] = exactly([metric]).get(metric, [])
        return self._infos[metric]

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
        return next(iter(self._named(metric)), None)

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
