"""One reading for many rules: those that ask the same of one metric, each in a scope of its own.

Forty rules on forty services are one query that keeps the services apart. Only where that gives
each rule what its own query would: scopes with the same labels, no patterns, a metric of one kind.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from psycopg import sql

from apps.alerts.models.rule import Rule
from apps.monitoring.queries import filters
from apps.monitoring.queries.series import Latest, SeriesQuery

Scope = Mapping[str, str]
_FEWEST: Final = 3
_MOST_LABELS: Final = 10


@dataclass(frozen=True, slots=True, order=True)
class OneOf:
    """A condition of a query: the label has one of these values."""

    label: str
    values: tuple[str, ...]

    def condition(self) -> sql.Composed:
        """The condition over `s` (tm_series) and `r` (tm_resource)."""
        return sql.SQL(f"{filters.VALUE} = ANY({{1}})").format(
            sql.Literal(self.label), sql.Literal(list(self.values))
        )


class Shared:
    """The scopes of the rules of one batch, by metric."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._scopes: dict[str, dict[tuple[str, ...], set[tuple[str, ...]]]] = {}
        for rule in rules:
            plain = rule.scope and not any(v.endswith("*") or not v for v in rule.scope.values())
            if plain:
                names = tuple(sorted(rule.scope))
                by_names = self._scopes.setdefault(rule.metric, defaultdict(set))
                by_names[names].add(tuple(rule.scope[name] for name in names))

    def read(
        self, query: SeriesQuery, latest: Callable[[SeriesQuery], Sequence[Latest]], most: int
    ) -> list[tuple[Scope, list[Latest]]] | None:
        """The answers for each scope of the batch in which this could be asked, by one reading.

        None: it has to be asked alone, or there are so many series that some were left out.
        """
        for names, wanted in self._scopes.get(query.metric, {}).items():
            own = tuple(query.scope.get(name, "") for name in names)
            labels = tuple(dict.fromkeys((*names, *query.by)))
            if own in wanted and len(wanted) >= _FEWEST and len(labels) <= _MOST_LABELS:
                extra = {k: v for k, v in query.scope.items() if k not in names}
                found = latest(_together(query, names, wanted, extra, labels))
                if len(found) >= most:
                    return None
                return _apart(query, names, wanted, extra, found)
        return None


def _together(
    query: SeriesQuery, names: tuple[str, ...], wanted: set[tuple[str, ...]], extra: Scope,
    labels: tuple[str, ...],
) -> SeriesQuery:  # fmt: skip
    within = tuple(
        OneOf(name, tuple(sorted({values[place] for values in wanted})))
        for place, name in enumerate(names)
    )
    return replace(query, scope=extra, by=labels, where=(*query.where, *within))


def _apart(
    query: SeriesQuery, names: tuple[str, ...], wanted: set[tuple[str, ...]], extra: Scope,
    found: Sequence[Latest],
) -> list[tuple[Scope, list[Latest]]]:  # fmt: skip
    by_scope: dict[tuple[str, ...], list[Latest]] = {values: [] for values in wanted}
    for one in found:
        values = tuple(one.labels[name] for name in names)
        if values in by_scope:
            labels = {name: one.labels[name] for name in query.by}
            by_scope[values].append(Latest(labels, one.value, one.at))
    return [
        ({**dict(zip(names, values, strict=True)), **extra}, answers)
        for values, answers in by_scope.items()
    ]
