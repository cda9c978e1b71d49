"""The figures a rule judges, read from the telemetry store."""

import hashlib
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import orjson

from apps.alerts import conf
from apps.alerts.models.rule import RATIO, Rule
from apps.monitoring.queries import reads
from apps.monitoring.queries.catalogue import MetricInfo, catalogue
from apps.monitoring.queries.series import Latest, SeriesQuery, latest

Labels = Mapping[str, str]
_MOST_KEPT = 200


class Source(Protocol):
    """Where figures come from; the store, unless a test says otherwise."""

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]: ...

    def info(self, metric: str) -> MetricInfo | None: ...

    def until(self, moment: datetime) -> None:
        """Windows end here from now on."""


class StoreSource:
    """The telemetry store, for one run: what a metric is is asked once.

    Windows end on the database's clock, whatever this process believes the time to be.
    """

    def __init__(self) -> None:
        self._infos: dict[str, MetricInfo | None] = {}
        self._end: datetime | None = None
        self._read: dict[Any, Sequence[Latest]] = {}

    def until(self, moment: datetime) -> None:
        """Windows end here from now on."""
        self._end = moment

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:
        """Figures, by group; rules that ask the same at one moment are answered by one reading."""
        key = (
            query.metric, query.aggregation, tuple(sorted(query.scope.items())), query.by,
            query.where, window_s, self._end,
        )  # fmt: skip
        if key not in self._read:
            if len(self._read) >= _MOST_KEPT:
                self._read.clear()
            with reads.by("rule"):
                self._read[key] = latest(query, window_s, now=self._end, most=conf.MOST_SERIES)
        return self._read[key]

    def info(self, metric: str) -> MetricInfo | None:
        """Unit and kind of a metric; None while the store has never seen it."""
        if metric not in self._infos:
            named = (found for found in catalogue(metric, 100) if found.name == metric)
            self._infos[metric] = next(named, None)
        return self._infos[metric]


class FailedSource:
    """Stands in for a source whose trouble has already shown."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def latest(self, query: SeriesQuery, window_s: float) -> Sequence[Latest]:  # noqa: ARG002
        raise self.error

    def info(self, metric: str) -> MetricInfo | None:  # noqa: ARG002
        return None

    def until(self, moment: datetime) -> None:
        """Nothing to be read, at any time."""


class RuleError(Exception):
    """The rule itself cannot be judged, whatever the data."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One series of a rule; `value` None: it exists but says nothing in this window."""

    labels: Labels
    value: float | None


def fingerprint(labels: Labels) -> str:
    """The identity of a label set, whatever its order."""
    return hashlib.sha256(orjson.dumps(dict(labels), option=orjson.OPT_SORT_KEYS)).hexdigest()


def read(rule: Rule, source: Source) -> dict[str, Observed]:
    """What the rule sees now, by fingerprint. Empty: no such series.

    Raises RuleError when two series bear one label set: either could hide the other.
    """
    values = _ratio(rule, source) if rule.aggregation == RATIO else _plain(rule, source)
    observed: dict[str, Observed] = {}
    for found in values:
        key = fingerprint(found.labels)
        if key in observed:
            raise RuleError(f"Two series have the labels {dict(found.labels)}.")
        observed[key] = replace(found, value=_sane(found.value))
    return observed


def _sane(value: float | None) -> float | None:
    # NaN compares false with everything and would pass for "not in breach"; infinity is a breach
    # like any other, but JSON cannot hold it.
    if value is None or math.isnan(value):
        return None
    return max(-sys.float_info.max, min(sys.float_info.max, value))


def _plain(rule: Rule, source: Source) -> list[Observed]:
    query = SeriesQuery(rule.metric, rule.aggregation, rule.scope, tuple(rule.by))
    found = [
        Observed({**rule.scope, **item.labels}, item.value)
        for item in source.latest(query, rule.window_s)
    ]
    if not rule.min_samples:
        return found
    counts = _counts(rule, source)
    return [
        item if counts.get(fingerprint(item.labels), 0) >= rule.min_samples
        else replace(item, value=None)
        for item in found
    ]  # fmt: skip


def _ratio(rule: Rule, source: Source) -> list[Observed]:
    all_events = _events(rule, source, {})
    part = _by_fingerprint(_events(rule, source, rule.numerator_scope))
    rest = (
        _by_fingerprint(_events(rule, source, rule.remainder_scope)) if rule.remainder_scope else {}
    )
    found = []
    for one in all_events:
        key = fingerprint(one.labels)
        hits = part.get(key, 0.0)
        whole = hits + rest.get(key, 0.0) if rule.remainder_scope else one.value or 0.0
        enough = whole > 0 and whole >= rule.min_samples
        found.append(Observed(one.labels, hits / whole if enough else None))
    return found


def _counts(rule: Rule, source: Source) -> dict[str, float]:
    return _by_fingerprint(_events(rule, source, {}))


def _by_fingerprint(found: list[Observed]) -> dict[str, float]:
    return {fingerprint(one.labels): one.value for one in found if one.value is not None}


def _events(rule: Rule, source: Source, extra: Labels) -> list[Observed]:
    """Events in the window for each label set of the rule, among those that also match `extra`."""
    info = source.info(rule.metric)
    aggregation = "increase" if info is not None and info.kind == "sum" else "count"
    query = SeriesQuery(rule.metric, aggregation, {**rule.scope, **extra}, tuple(rule.by))
    return [
        Observed({**rule.scope, **item.labels}, item.value)
        for item in source.latest(query, rule.window_s)
    ]
