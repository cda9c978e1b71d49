"""What one evaluation changes, collected and written in a handful of statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import transaction

from apps.alerts import incidents
from apps.alerts.evaluation import flaps, writing
from apps.alerts.evaluation.observed import Observed
from apps.alerts.machine import RANK, Effect, Reason, Severity, State, Step
from apps.alerts.models import Episode, Instance, Rule
from apps.alerts.routing.enrol import enrol

log = structlog.get_logger(__name__)
# One rule's lines at one tick: a storm of 10,000 would take longer to log than to judge.
_MOST_LINES: Final = 100
_STATE_AFTER: Final = {
    Effect.OPENED: "pending",
    Effect.CANCELLED: "inactive",
    Effect.FIRED: "firing",
    Effect.RECOVERING: "recovering",
    Effect.FIRED_AGAIN: "firing",
    Effect.RESOLVED: "resolved",
}


class Ledger:
    """Changes of one rule at one tick. `write` belongs inside the transaction of the evaluation."""

    def __init__(self, rule: Rule, tick: datetime, unit: str = "") -> None:
        self.rule = rule
        self.tick = tick
        self.unit = unit
        self.instances: list[Instance] = []
        self.new: list[Episode] = []
        self.changed: list[Episode] = []
        self.events: list[writing.Event] = []
        self.firing: list[Episode] = []
        self.resolved: list[Episode] = []
        self.flaps = flaps.Flaps(rule, tick)

    def record(
        self, instance: Instance, step: Step, value: float | None, seen: Observed | None = None
    ) -> None:
        """Take one step of the machine into account; `value` None: nothing was observed.

        `seen` tells more of it: thresholds in the unit of the value, and facts.
        """
        step = self.flaps.damp(instance, step)
        instance.condition = step.condition
        instance.tick = self.tick
        if value is not None:
            instance.value = value
        self.instances.append(instance)
        episode = self._episode(instance, step)
        if episode is None:
            return
        self._update(episode, step, value, seen)
        for effect in step.effects:
            self._apply(episode, effect)

    def open(self, episode: Episode, detail: dict[str, Any]) -> None:
        """An episode without an instance begins, and fires at once: an alert on the rule itself."""
        episode.started_at = episode.updated_at = self.tick
        self.new.append(episode)
        for effect in (Effect.OPENED, Effect.FIRED):
            self._apply(episode, effect, detail)

    def grow(self, episode: Episode, value: float, severity: Severity) -> None:
        """The figure of an episode without an instance has changed; a worse severity is news."""
        episode.value, episode.updated_at = value, self.tick
        episode.peak = max(episode.peak or value, value)
        self.changed.append(episode)
        if RANK[severity] > RANK[Severity(episode.severity)]:
            episode.severity = severity
            self._apply(episode, Effect.SEVERITY_RAISED)

    def end(self, episode: Episode, reason: Reason) -> None:
        """An episode without an instance ends."""
        episode.ended_at = episode.updated_at = self.tick
        episode.end_reason = reason
        self.changed.append(episode)
        self._apply(episode, Effect.RESOLVED)

    def write(self) -> None:
        """Insert and update everything; routing learns of it with the COMMIT."""
        write_all([self])

    def told_on_commit(self) -> None:
        """Have it told in the log once it is true."""
        if self.firing or self.resolved:
            transaction.on_commit(self.tell)

    def tell(self) -> None:
        """Say in the log what fires and what ended, for those who follow lines and not pages."""
        for episode in self.firing[:_MOST_LINES]:
            log.warning("An alert fires", **_facts(episode))
        for episode in self.resolved[:_MOST_LINES]:
            log.info("An alert ended", **_facts(episode), reason=episode.end_reason)
        fire, ended = (max(0, len(one) - _MOST_LINES) for one in (self.firing, self.resolved))
        if fire or ended:
            log.warning("More alerts fire or ended", rule=self.rule.name, fire=fire, ended=ended)

    def _episode(self, instance: Instance, step: Step) -> Episode | None:
        if Effect.OPENED not in step.effects:
            if instance.episode is not None:
                self.changed.append(instance.episode)
            return instance.episode
        episode = Episode(
            rule=self.rule,
            rule_name=self.rule.name,
            fingerprint=instance.fingerprint,
            labels=instance.labels,
            metric=self.rule.metric,
            unit=self.unit,
            direction=self.rule.direction,
            started_at=self.tick,
        )
        instance.episode = episode
        self.new.append(episode)
        return episode

    def _update(
        self, episode: Episode, step: Step, value: float | None, seen: Observed | None
    ) -> None:
        thresholds = self.rule.thresholds
        severity = step.condition.severity
        if severity is not None and Effect.RESOLVED not in step.effects:
            episode.severity = severity
            own = thresholds.of(severity)
            episode.threshold = own if seen is None else seen.limit(self.rule, severity)
            if seen is not None and seen.facts is not None:
                episode.facts = dict(seen.facts)
        if value is not None:
            episode.value = value
            episode.peak = thresholds.worse(episode.peak, value)
        episode.updated_at = self.tick
        if Effect.RESOLVED in step.effects or Effect.CANCELLED in step.effects:
            episode.ended_at = self.tick
            episode.end_reason = step.condition.reason
        elif step.condition.state is not State.RECOVERING:
            episode.reason = step.condition.reason

    def _apply(
        self, episode: Episode, effect: Effect, detail: dict[str, Any] | None = None
    ) -> None:
        episode.state = _STATE_AFTER.get(effect, episode.state)
        if effect is Effect.FIRED:
            episode.fired_at = self.tick
        if effect in (Effect.FIRED, Effect.SEVERITY_RAISED):
            self.firing.append(episode)
        elif effect is Effect.RESOLVED:
            self.resolved.append(episode)
        told: dict[str, Any] = {"value": episode.value, "severity": episode.severity}
        if episode.end_reason:
            told["reason"] = episode.end_reason
        elif episode.reason != Reason.BREACH:
            told["reason"] = episode.reason
        self.events.append(
            writing.Event(episode.pk, self.tick, effect.value, {**told, **(detail or {})})
        )


def write_all(ledgers: Sequence[Ledger]) -> None:
    """Write the changes of several rules together; routing learns of them with the COMMIT."""
    writing.insert_episodes([row for ledger in ledgers for row in ledger.new])
    writing.update_episodes([row for ledger in ledgers for row in ledger.changed])
    writing.upsert_instances([row for ledger in ledgers for row in ledger.instances])
    turns = flaps.write_all(ledger.flaps for ledger in ledgers)
    writing.insert_events([row for ledger in ledgers for row in ledger.events] + turns)
    if ledgers:
        firing = [row for ledger in ledgers for row in ledger.firing]
        resolved = [row for ledger in ledgers for row in ledger.resolved]
        enrol(firing, resolved, max(ledger.tick for ledger in ledgers))
        if resolved:
            incidents.apart(incidents.ended, resolved, max(one.tick for one in ledgers))
    for ledger in ledgers:
        if ledger.firing and ledger.rule.opens_incident:
            incidents.apart(incidents.opened, ledger.rule, ledger.firing)
        ledger.told_on_commit()


def _facts(episode: Episode) -> dict[str, Any]:
    return {
        "episode": str(episode.pk), "rule": episode.rule_name, "severity": episode.severity,
        "value": episode.value, "threshold": episode.threshold, "labels": episode.labels,
    }  # fmt: skip
