"""What one evaluation changes, collected and written in a handful of statements."""

from datetime import datetime
from typing import Any, Final

import structlog
from django.db import transaction

from apps.alerts import incidents
from apps.alerts.evaluation.flaps import Flaps
from apps.alerts.machine import Effect, Step
from apps.alerts.models import Episode, EpisodeEvent, Instance, Rule
from apps.alerts.routing.enrol import enrol

log = structlog.get_logger(__name__)
_INSTANCE_COLUMNS: Final = [
    "labels", "state", "reason", "active_at", "seen_at", "observed_s", "keep_since", "missed",
    "severity", "notified", "value", "tick", "episode",
]  # fmt: skip
_EPISODE_COLUMNS: Final = [
    "state", "severity", "value", "peak", "threshold", "fired_at", "ended_at", "end_reason",
    "updated_at",
]  # fmt: skip
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
        self._instances: list[Instance] = []
        self._new: list[Episode] = []
        self._changed: list[Episode] = []
        self._events: list[EpisodeEvent] = []
        self._firing: list[Episode] = []
        self._resolved: list[Episode] = []
        self._flaps = Flaps(rule, tick)

    def record(self, instance: Instance, step: Step, value: float | None) -> None:
        """Take one step of the machine into account; `value` None: nothing was observed."""
        step = self._flaps.damp(instance, step)
        instance.condition = step.condition
        instance.tick = self.tick
        if value is not None:
            instance.value = value
        self._instances.append(instance)
        episode = self._episode(instance, step)
        if episode is None:
            return
        self._update(episode, step, value)
        for effect in step.effects:
            self._apply(episode, effect)

    def write(self) -> None:
        """Insert and update everything; routing learns of it with the COMMIT."""
        Episode.objects.bulk_create(self._new)
        Episode.objects.bulk_update(self._changed, _EPISODE_COLUMNS, batch_size=500)
        Instance.objects.bulk_create(
            self._instances,
            update_conflicts=True,
            unique_fields=["rule", "fingerprint"],
            update_fields=_INSTANCE_COLUMNS,
        )
        EpisodeEvent.objects.bulk_create([*self._events, *self._flaps.write()])
        enrol(self._firing, self._resolved, self.tick)
        if self._firing or self._resolved:
            incidents.changed(self.rule, self._firing, self._resolved, self.tick)
            transaction.on_commit(self.tell)

    def tell(self) -> None:
        """Say in the log what fires and what ended, for those who follow lines and not pages."""
        for episode in self._firing:
            log.warning("An alert fires", **_facts(episode))
        for episode in self._resolved:
            log.info("An alert ended", **_facts(episode), reason=episode.end_reason)

    def _episode(self, instance: Instance, step: Step) -> Episode | None:
        if Effect.OPENED not in step.effects:
            if instance.episode is not None:
                self._changed.append(instance.episode)
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
        self._new.append(episode)
        return episode

    def _update(self, episode: Episode, step: Step, value: float | None) -> None:
        thresholds = self.rule.thresholds
        severity = step.condition.severity
        if severity is not None and Effect.RESOLVED not in step.effects:
            episode.severity = severity
            episode.threshold = thresholds.of(severity)
        if value is not None:
            episode.value = value
            episode.peak = thresholds.worse(episode.peak, value)
        episode.updated_at = self.tick
        if Effect.RESOLVED in step.effects or Effect.CANCELLED in step.effects:
            episode.ended_at = self.tick
            episode.end_reason = step.condition.reason

    def _apply(self, episode: Episode, effect: Effect) -> None:
        episode.state = _STATE_AFTER.get(effect, episode.state)
        if effect is Effect.FIRED:
            episode.fired_at = self.tick
        if effect in (Effect.FIRED, Effect.SEVERITY_RAISED):
            self._firing.append(episode)
        elif effect is Effect.RESOLVED:
            self._resolved.append(episode)
        detail: dict[str, Any] = {"value": episode.value, "severity": episode.severity}
        if episode.end_reason:
            detail["reason"] = episode.end_reason
        self._events.append(
            EpisodeEvent(episode=episode, at=self.tick, kind=effect.value, detail=detail)
        )


def _facts(episode: Episode) -> dict[str, Any]:
    return {
        "episode": str(episode.pk), "rule": episode.rule_name, "severity": episode.severity,
        "value": episode.value, "threshold": episode.threshold, "labels": episode.labels,
    }  # fmt: skip
