"""Figures and counts of events as several kinds of condition read them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from apps.alerts.evaluation.observed import Labels, Observed, fingerprint
from apps.monitoring.queries.series import Latest, SeriesQuery

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

RATIO = "ratio"


def figures(
    rule: "Rule", source: "Source", *, window_s: float | None = None, ago_s: float = 0
) -> list[Observed]:
    """What the rule measures over one window: by default its own, that ends now."""
    window_s = rule.window_s if window_s is None else window_s
    if rule.aggregation == RATIO:
        return _ratio(rule, source, window_s, ago_s)
    return _plain(rule, source, window_s, ago_s)


def query_of(rule: "Rule") -> SeriesQuery:
    """The rule's own series."""
    return SeriesQuery(rule.metric, rule.aggregation, rule.scope, tuple(rule.by))


def events(
    rule: "Rule", source: "Source", extra: Labels, window_s: float, ago_s: float = 0
) -> list[Observed]:
    """Events in a window for each label set of the rule, among those that also match `extra`."""
    info = source.info(rule.metric)
    aggregation = "increase" if info is not None and info.kind == "sum" else "count"
    query = SeriesQuery(rule.metric, aggregation, {**rule.scope, **extra}, tuple(rule.by))
    return _observed(rule, _asked(source, query, window_s, ago_s))


def counts(found: list[Observed]) -> dict[str, float]:
    """Known values by fingerprint."""
    return {fingerprint(one.labels): one.value for one in found if one.value is not None}


def _plain(rule: "Rule", source: "Source", window_s: float, ago_s: float) -> list[Observed]:
    found = _observed(rule, _asked(source, query_of(rule), window_s, ago_s))
    if not rule.min_samples:
        return found
    enough = counts(events(rule, source, {}, window_s, ago_s))
    return [
        item if enough.get(fingerprint(item.labels), 0) >= rule.min_samples
        else replace(item, value=None)
        for item in found
    ]  # fmt: skip


def _ratio(rule: "Rule", source: "Source", window_s: float, ago_s: float) -> list[Observed]:
    all_events = events(rule, source, {}, window_s, ago_s)
    part = counts(events(rule, source, rule.numerator_scope, window_s, ago_s))
    rest: dict[str, float] = {}
    if rule.remainder_scope:
        rest = counts(events(rule, source, rule.remainder_scope, window_s, ago_s))
    found = []
    for one in all_events:
        key = fingerprint(one.labels)
        hits = part.get(key, 0.0)
        whole = hits + rest.get(key, 0.0) if rule.remainder_scope else one.value or 0.0
        enough = whole > 0 and whole >= rule.min_samples
        found.append(Observed(one.labels, hits / whole if enough else None))
    return found


def _asked(source: "Source", query: SeriesQuery, window_s: float, ago_s: float) -> Sequence[Latest]:
    if ago_s:
        return source.before(query, window_s, ago_s)
    return source.latest(query, window_s)


def _observed(rule: "Rule", found: Sequence[Latest]) -> list[Observed]:
    return [Observed({**rule.scope, **item.labels}, item.value) for item in found]
