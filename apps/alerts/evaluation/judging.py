"""From what a rule saw to the next step of each of its instances. No query is made here."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from apps.alerts import conf
from apps.alerts.evaluation import own
from apps.alerts.evaluation.ledger import Ledger
from apps.alerts.evaluation.observed import (
    Observed,
    fingerprint,
    is_silent,
    notes_of,
    result_of,
    silent_key,
)
from apps.alerts.machine import ACTIVE, Condition, NoDataPolicy, Result, Severity, State, advance
from apps.alerts.models import Instance, Rule

Known = dict[str, Instance]
HEALTH: Final = ("errors_in_row", "unhealthy_since", "no_data_since", "last_error", "note")


@dataclass(frozen=True)
class Reading:
    """What one rule saw: its series, or why nothing could be seen."""

    series: dict[str, Observed]
    error: str = ""
    unit: str = ""

    @property
    def empty(self) -> bool:
        return not self.error and is_silent(self.series)


@dataclass
class Work:
    """One rule at one tick, from its reading to what is written.

    `early`: judged because figures were written, between two ticks. Then only what was seen
    counts: what is missing may still be on its way. `resumed`: the rule was not judged for a while
    (we were away, or the store), and for a window from then on the same holds.
    """

    rule: Rule
    at: datetime
    reading: Reading
    early: bool = False
    skipped: int = 0
    resumed: bool = False
    ledger: Ledger = field(init=False)
    beyond: list[tuple[Observed, Severity]] = field(default_factory=list)
    health_changed: bool = False
    _fresh: dict[str, Severity] = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.rule, self.at, self.reading.unit)
        self._fresh = {
            key: severity
            for key, one in self.reading.series.items()
            if (severity := one.severity(self.rule)) is not None
        }

    @property
    def breaching(self) -> Collection[str]:
        """The fingerprints of the series in breach, seen without what they were before."""
        return self._fresh.keys()

    def judge(self, known: Known) -> None:
        """Record a step for every instance that is active or breaches."""
        if self.reading.error:
            return
        seen_later = {key for key, one in known.items() if self._outdated(one)}
        known = {key: one for key, one in known.items() if key not in seen_later}
        series = self.reading.series
        # To judge them as new would open a second episode beside the one they have.
        fresh = {key: one for key, one in self._fresh.items() if key not in seen_later}
        active = {key for key, one in known.items() if one.state in ACTIVE}
        if self._silence_alerts(active):
            series = series or {silent_key(self.rule): Observed(self.rule.scope, None)}
            fresh = dict.fromkeys(series, Severity.WARNING)
        self.beyond = [(series[key], fresh[key]) for key in self._over_the_cap(fresh, active)]
        left_out = {fingerprint(one.labels) for one, _ in self.beyond}
        # Sorted: one order for every worker, so that two bulk writes can never deadlock.
        for key in sorted((active | fresh.keys()) - left_out):
            one = series.get(key)
            instance = known.get(key) or _instance(self.rule, key, series[key], self.at)
            self._step(instance, key, one)

    def turning(self, known: Known) -> set[str]:
        """The fingerprints of what may begin, end or change: all but what fires and breaches."""
        steady = {key for key in self._fresh if key in known and known[key].state == State.FIRING}
        return ({*known, *self._fresh, silent_key(self.rule)}) - steady

    def note_health(self) -> None:
        """Keep on the rule how its evaluation went."""
        rule, reading = self.rule, self.reading
        before = [getattr(rule, name) for name in HEALTH]
        if reading.error:
            rule.errors_in_row += 1
            rule.last_error = reading.error
            rule.unhealthy_since = own.unhealthy_since(rule, self.at)
        else:
            rule.errors_in_row, rule.unhealthy_since = 0, None
            rule.last_error = own.too_many(len(self.beyond)) if self.beyond else ""
            if len(reading.series) >= conf.MOST_SERIES:
                rule.last_error = own.unread()
            rule.note = notes_of(reading.series)
            rule.no_data_since = (rule.no_data_since or self.at) if reading.empty else None
        self.health_changed = before != [getattr(rule, name) for name in HEALTH]

    def _step(self, instance: Instance, key: str, one: Observed | None) -> None:
        condition = instance.condition
        severity = one.severity(self.rule, condition) if one else None
        result = result_of(self.rule, self.reading.series, key, severity)
        if (self.early or self.resumed) and result not in (Result.BREACH, Result.OK):
            return
        step = advance(condition, result, self.at, self.rule.timing, severity)
        self.ledger.record(instance, step, one.value if one else None, one)

    def _outdated(self, instance: Instance) -> bool:
        # An early evaluation has seen more than this tick, which comes late.
        ahead_s = (instance.tick - self.at).total_seconds()
        return 0 < ahead_s <= 2 * self.rule.interval_s

    def _silence_alerts(self, active: Collection[str]) -> bool:
        told = self.reading.empty and not self.early and not self.resumed
        return told and not active and self.rule.no_data == NoDataPolicy.ALERTING

    def _over_the_cap(self, fresh: Iterable[str], active: Collection[str]) -> list[str]:
        new = [key for key in fresh if key not in active]
        room = max(0, conf.MOST_INSTANCES - len(active))
        if len(new) <= room:
            return []
        return sorted(new)[room:]


def _instance(rule: Rule, key: str, one: Observed, at: datetime) -> Instance:
    instance = Instance(rule=rule, fingerprint=key, labels=dict(one.labels), tick=at)
    instance.condition = Condition()
    return instance
