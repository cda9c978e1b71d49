"""Many sets of matchers asked at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from django.db.models import Q, QuerySet

from apps.alerts.matchers import Matcher, all_match
from apps.alerts.models import Episode

Owner = TypeVar("Owner")
# What `labels_of` adds where an episode has no such label of its own.
_OUR_NAMES: Final = ("metric", "source")


class Index(Generic[Owner]):
    """Which sets of matchers hold for some labels, without trying every set.

    A set with an equality is only tried where a label has just that value: a storm is judged
    against a thousand silences in the time of the few that can match.
    """

    def __init__(self, sets: Iterable[tuple[Owner, Sequence[Matcher]]]) -> None:
        self._keyed: dict[tuple[str, str], list[tuple[Owner, Sequence[Matcher]]]] = {}
        self._others: list[tuple[Owner, Sequence[Matcher]]] = []
        for owner, matchers in sets:
            equal = next((one for one in matchers if one.op == "=" and one.value), None)
            if equal is None:
                self._others.append((owner, matchers))
            else:
                self._keyed.setdefault((equal.name, equal.value), []).append((owner, matchers))

    def matching(self, labels: Mapping[str, str]) -> list[Owner]:
        """The owners whose every matcher holds."""
        tried = [one for pair in labels.items() for one in self._keyed.get(pair, ())]
        return [owner for owner, found in (*tried, *self._others) if all_match(found, labels)]


def narrowed(rows: QuerySet[Episode], matchers: Iterable[Matcher]) -> QuerySet[Episode]:
    """The rows the database can tell apart by these matchers; the rest is for `all_match`."""
    for one in matchers:
        if one.op != "=" or not one.value:
            continue
        if one.name == "severity":
            rows = rows.filter(severity=one.value)
        elif one.name == "alertname":
            rows = rows.filter(Q(rule_name=one.value) | Q(labels__contains={one.name: one.value}))
        elif one.name not in _OUR_NAMES:
            rows = rows.filter(labels__contains={one.name: one.value})
    return rows
