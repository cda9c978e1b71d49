"""Steps that reach nobody: an alert about the policy itself, until they reach somebody again."""

from datetime import datetime
from typing import Final

import structlog
from django.db import transaction
from django.db.models.functions import Now

from apps.alerts.escalation.audience import audience, of_channel
from apps.alerts.escalation.plan import Plan, Step
from apps.alerts.evaluation.clock import db_now
from apps.alerts.machine import OPEN, Reason, Severity, State
from apps.alerts.models import Episode, EpisodeEvent, Escalation, PolicyFault
from apps.alerts.models.escalation import StepKind

log = structlog.get_logger(__name__)
SOURCE: Final = "policy"
METRIC: Final = "pharos.escalation.faults"
_AT_ONCE: Final = 200


def report(row: Escalation, plan: Plan, step: Step, why: str, at: datetime) -> None:
    """Note the fault and let an alert fire about it; a fault that is known already stays one."""
    if not step.target:
        step = Step(StepKind.CHANNEL, target=plan.catch_all, name=plan.catch_all_name)
    fault = PolicyFault(
        policy_id=row.policy_id, policy_name=plan.name, step=step.to_json(), reason=why[:500],
        target=f"{step.kind.value} {step.target}", since=at,
    )  # fmt: skip
    # Whoever inserts the row makes the alert.
    PolicyFault.objects.bulk_create([fault], ignore_conflicts=True)
    mine = PolicyFault.objects.filter(
        target=fault.target, ended_at__isnull=True, episode__isnull=True, since=at
    ).first()
    if mine is None:
        return
    log.warning("An escalation step reaches nobody", policy=plan.name, reason=why)
    mine.episode = _fire(mine, at)
    mine.save(update_fields=["episode"])


@transaction.atomic
def mend() -> int:
    """End the alerts of steps that would reach somebody by now; how many there were."""
    now = db_now()
    ended = 0
    for fault in PolicyFault.objects.filter(ended_at__isnull=True)[:_AT_ONCE]:
        step = Step.from_json(fault.step)
        if _reaches(step, now):
            ended += _end(fault, now)
    return ended


def _reaches(step: Step, now: datetime) -> bool:
    found = (
        of_channel(step.target, step.name)
        if step.kind == StepKind.CHANNEL
        else audience(step, Severity.CRITICAL, now)
    )
    return not found.nobody


def _fire(fault: PolicyFault, at: datetime) -> Episode:
    episode = Episode.objects.create(
        rule=None, source=SOURCE, rule_name="Escalation reaches nobody",
        fingerprint=f"policy-fault-{fault.pk}",
        labels={"policy": fault.policy_name, "target": fault.target, "reason": fault.reason},
        metric=METRIC, unit="1", direction="above", state=State.FIRING,
        severity=Severity.WARNING, value=1, peak=1, threshold=0, started_at=at, fired_at=at,
        updated_at=at,
    )  # fmt: skip
    EpisodeEvent.objects.create(
        episode=episode, at=at, kind="fired", detail={"value": 1, "severity": episode.severity}
    )
    _enrol([episode], [], at)
    return episode


def _end(fault: PolicyFault, at: datetime) -> int:
    done = PolicyFault.objects.filter(pk=fault.pk, ended_at__isnull=True).update(ended_at=Now())
    episode = fault.episode
    if not done or episode is None:
        return done
    open_still = Episode.objects.filter(pk=episode.pk, state__in=OPEN)
    if open_still.update(
        state=State.RESOLVED, ended_at=at, end_reason=Reason.OK, updated_at=at, value=0
    ):
        EpisodeEvent.objects.create(
            episode=episode, at=at, kind="resolved", detail={"reason": Reason.OK}
        )
        _enrol([], [episode], at)
    return done


def _enrol(fired: list[Episode], resolved: list[Episode], at: datetime) -> None:
    # Routing stands on escalation; only here does escalation speak to it.
    from apps.alerts.routing.enrol import enrol

    enrol(fired, resolved, at)
