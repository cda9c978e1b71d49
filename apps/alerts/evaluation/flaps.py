"""Flapping, on the way into the ledger: an alert that flaps stays one episode until it is quiet."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q

from apps.alerts.evaluation import flapnews, writing
from apps.alerts.flapping import CHECKS, HOUR, History
from apps.alerts.machine import OPEN, Effect, Reason, State, Step
from apps.alerts.models import Flap, Instance, Rule

# Beyond so many names it is quicker to read what is known of all.
_MOST_NAMED: Final = 1_000
_TURNS: Final = (Effect.FIRED, Effect.FIRED_AGAIN, Effect.RESOLVED)


class Flaps:
    """The changes of one rule's alerts at one tick.

    Rows are read and written only for alerts that change or flap: a steady alert costs nothing, for
    the checks in which nothing changed follow from the time.
    """

    def __init__(self, rule: Rule, tick: datetime) -> None:
        self.rule, self.tick = rule, tick
        # What is known of its alerts; None: not read yet. A batch reads it for all its rules.
        self.known: dict[str, Flap] | None = None
        self._changed: list[Flap] = []
        self._started: list[tuple[Flap, Instance]] = []
        self._stopped: list[tuple[Flap, Instance]] = []

    def damp(self, instance: Instance, step: Step) -> Step:
        """The step as it is to be taken: while the alert flaps, its end waits for quiet.

        `instance` is still as it was before the step.
        """
        if not _concerned(instance, step):
            return step
        flap = self._row(instance, step)
        if flap is None:
            return step
        was = flap.flapping
        flap.history = _observed(flap.history, step, self.tick, self.rule.interval_s)
        over = Effect.RESOLVED in step.effects and step.condition.reason is not Reason.OK
        if over:
            # Its series is gone, or its rule: there is nothing left that could come to rest.
            flap.flapping = False
        if flap.flapping is not was:
            self._turn(flap, instance)
        self._changed.append(flap)
        return _held_open(instance, step, self.tick) if flap.flapping else step

    def settle(self) -> tuple[list[Flap], list[writing.Event]]:
        """Owe the messages; what is to be stored of it, and the events that belong to it.

        Belongs in the transaction of the evaluation, after its episodes are stored.
        """
        events: list[writing.Event] = []
        for flap, instance in (*self._started, *self._stopped):
            flap.episode = instance.episode
            if instance.episode is not None:
                events.append(_event(flap, instance.episode.pk, self.tick))
        if self._started:
            flapping = [flap for flap, _ in self._started]
            flapnews.began(self.rule, flapping, self.tick, memory=memory(self.rule))
        if self._stopped:
            flapnews.came_to_rest(self.rule, [flap for flap, _ in self._stopped], self.tick)
        return list({flap.fingerprint: flap for flap in self._changed}.values()), events

    def _row(self, instance: Instance, step: Step) -> Flap | None:
        if self.known is None:
            self.known = remembered([(self.rule, self.tick)])[self.rule.pk]
        flap = self.known.get(instance.fingerprint)
        turns = any(effect in _TURNS for effect in step.effects)
        if flap is None and turns:
            flap = Flap(rule=self.rule, fingerprint=instance.fingerprint, seen_at=self.tick)
            self.known[instance.fingerprint] = flap
        return flap if flap is not None and (turns or flap.flapping) else None

    def _turn(self, flap: Flap, instance: Instance) -> None:
        if flap.flapping:
            flap.since = self.tick
            self._started.append((flap, instance))
        else:
            self._stopped.append((flap, instance))


def remembered(
    rules: Sequence[tuple[Rule, datetime]], turning: Collection[str] | None = None
) -> dict[int, dict[str, Flap]]:
    """What is known of the alerts of these rules at their ticks, by rule and fingerprint.

    What has been steady for longer than both memories begins anew. `turning`: the fingerprints of
    alerts that may change; of others only those that flap are read.
    """
    found: dict[int, dict[str, Flap]] = {rule.pk: {} for rule, _ in rules}
    if not rules:
        return found
    since = {rule.pk: tick - memory(rule) for rule, tick in rules}
    lately = Q(seen_at__gt=min(since.values()))
    if turning is not None and len(turning) <= _MOST_NAMED:
        lately &= Q(fingerprint__in=turning)
    for row in Flap.objects.filter(Q(flapping=True) | lately, rule__in=found):
        if row.flapping or row.seen_at > since[row.rule_id]:
            found[row.rule_id][row.fingerprint] = row
    return found


def write_all(flaps: Iterable[Flaps]) -> list[writing.Event]:
    """Store what changed of several rules' alerts; the events that belong to it."""
    settled = [one.settle() for one in flaps]
    rows = [row for changed, _ in settled for row in changed]
    writing.upsert_flaps(rows)
    return [event for _, events in settled for event in events]


def memory(rule: Rule) -> timedelta:
    """How far back changes of its alerts count."""
    return max(HOUR, timedelta(seconds=rule.interval_s * (CHECKS + 1)))


def _concerned(instance: Instance, step: Step) -> bool:
    return instance.state in OPEN or any(effect in _TURNS for effect in step.effects)


def _observed(history: History, step: Step, tick: datetime, interval_s: int) -> History:
    seen_at = history.seen_at or tick
    checks = round((tick - seen_at).total_seconds() / interval_s)
    firing = history.firing
    if Effect.RESOLVED in step.effects:
        firing = False
    elif step.condition.state is State.FIRING:
        firing = True
    # RECOVERING is soft: it stays what it was.
    return history.observe(firing=firing, at=tick, checks=checks)


def _held_open(instance: Instance, step: Step, tick: datetime) -> Step:
    if Effect.RESOLVED not in step.effects:
        return step
    before = instance.condition
    kept = replace(before, state=State.RECOVERING, keep_since=before.keep_since or tick, missed=0)
    return Step(kept, (Effect.RECOVERING,) if before.state is State.FIRING else ())


def _event(flap: Flap, episode: UUID, at: datetime) -> writing.Event:
    kind = "flapping_started" if flap.flapping else "flapping_stopped"
    return writing.Event(episode, at, kind, flapnews.facts(flap, started=flap.flapping))
