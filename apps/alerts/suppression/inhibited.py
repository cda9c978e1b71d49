"""Reason: another alert that fires explains this one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
from django.utils.translation import gettext as _

from apps.alerts.machine import ACTIVE, State
from apps.alerts.matchers import Matcher, all_match, labels_of
from apps.alerts.models import Episode, Inhibition
from apps.alerts.suppression.index import narrowed
from apps.alerts.suppression.verdict import Case, Hearing, Kind, Suppression, hold_until
from apps.core.errors import InvalidInputError

log = structlog.get_logger(__name__)
# Sources of one inhibition that are looked at; the newest. Beyond, rather a page too many.
MOST_SOURCES: Final = 5000


@dataclass(frozen=True)
class Source:
    """An active alert that could explain others. `both`: it is a target itself."""

    episode: Episode
    both: bool


@dataclass
class Sources:
    """Every active source of one inhibition, by the values of its equal labels.

    All of them are kept: Alertmanager keeps one for each set of values, and one that is a target
    itself then hides another that would count.
    """

    equal: Sequence[str]
    everywhere: bool
    by_values: dict[tuple[str, ...], list[Source]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, episode: Episode, labels: Mapping[str, str], *, both: bool) -> None:
        """Another active source."""
        self.by_values[self._values(labels)].append(Source(episode, both))

    def explaining(self, case: Case, *, both: bool) -> list[Source]:
        """The sources that explain this target; `both`: it is a source itself."""
        values = self._values(case.labels)
        if not self.everywhere and not any(values):
            # An absent label is empty, and two alerts that lack it have nothing in common.
            return []
        return [
            one
            for one in self.by_values.get(values, ())
            if one.episode.pk != case.episode.pk and not (both and one.both)
        ]

    def _values(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self.equal)


def found(hearing: Hearing) -> dict[UUID, Suppression]:
    """Inhibited targets, and those that wait because what could explain them is pending."""
    verdicts: dict[UUID, Suppression] = {}
    for inhibition in Inhibition.objects.filter(enabled=True):
        try:
            sources, targets = inhibition.sources, inhibition.targets
        except InvalidInputError:
            log.warning("inhibition_unreadable", inhibition=inhibition.pk)
            continue
        concerned = [
            case
            for case in hearing.cases
            if (known := verdicts.get(case.episode.pk)) is None or known.kind is Kind.HELD
            if all_match(targets, case.labels)
        ]
        if concerned:
            active = _active(inhibition, sources, targets)
            for case in concerned:
                verdict = _verdict(hearing, inhibition, active, case, sources)
                if verdict is not None:
                    verdicts[case.episode.pk] = verdict
    return verdicts


def _active(
    inhibition: Inhibition, sources: Sequence[Matcher], targets: Sequence[Matcher]
) -> Sources:
    active = Sources(inhibition.equal, inhibition.everywhere)
    rows = narrowed(Episode.objects.filter(state__in=ACTIVE), sources)
    for row in rows.order_by("-started_at", "-id")[:MOST_SOURCES]:
        labels = labels_of(row)
        if all_match(sources, labels):
            active.add(row, labels, both=all_match(targets, labels))
    return active


def _verdict(
    hearing: Hearing,
    inhibition: Inhibition,
    active: Sources,
    case: Case,
    sources: Sequence[Matcher],
) -> Suppression | None:
    explaining = active.explaining(case, both=all_match(sources, case.labels))
    firing = _first(one for one in explaining if one.episode.state != State.PENDING)
    if firing is not None:
        return Suppression(
            Kind.INHIBITED,
            f"inhibition:{inhibition.pk}:{firing.episode.pk}",
            _("%(source)s fires and explains it (%(name)s)")
            % {"source": firing.episode.rule_name, "name": inhibition.name},
        )
    pending = _first(explaining)
    until = hold_until(hearing, case)
    if pending is None or until is None:
        return None
    return Suppression(
        Kind.HELD,
        f"inhibition:{inhibition.pk}:{pending.episode.pk}",
        _("Waits for %(source)s, which may be about to fire and would explain it (%(name)s)")
        % {"source": pending.episode.rule_name, "name": inhibition.name},
        until,
    )


def _first(sources: Iterable[Source]) -> Source | None:
    return min(sources, key=lambda one: (one.episode.started_at, str(one.episode.pk)), default=None)
