"""Taking steps: what is due, one escalation a transaction, by any number of workers at once.

A step's messages, its events and the time of the next step commit together. A worker that dies
before has done nothing; one that dies after has nothing left to do.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.collisions import collided
from apps.alerts.escalation import faults, pausing, steps
from apps.alerts.escalation.machine import Move, Position, advance
from apps.alerts.escalation.plan import PAGES, Plan, Step
from apps.alerts.escalation.rows import note, open_episodes, save
from apps.alerts.escalation.sentences import sentence
from apps.alerts.models import Escalation, EscalationState
from apps.alerts.models.escalation import StepKind
from apps.monitoring import recorder

TASK: Final = "apps.alerts.tasks.escalate"
log = structlog.get_logger(__name__)
_ERRORS_UNTIL_SKIPPED: Final = 3
_END: Final = Step(StepKind.CHANNEL)


def escalate_due() -> int:
    """Take every step that is due; how many were taken. Stops after its budget, as tasks do."""
    stop_at = time.monotonic() + conf.ESCALATE_BUDGET_S
    taken = 0
    while time.monotonic() < stop_at and _next_due():
        taken += 1
    return taken


def _next_due() -> bool:
    with transaction.atomic():
        row = (
            Escalation.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=EscalationState.RUNNING, next_at__lte=Now())
            .order_by("next_at", "pk")
            .first()
        )
        if row is None:
            return False
        try:
            _safely(row, lambda: _take_unless_paused(row, db_now()))
        except OperationalError as error:
            if not collided(error):
                raise
            recorder.count("pharos.escalation.collisions")
    return True


def take_first(row: Escalation, now: datetime) -> None:
    """Take the first step in the transaction that began the escalation.

    One that fails is due again soon: the escalation itself must not be lost with it.
    """
    _safely(row, lambda: take(row, now))


def _take_unless_paused(row: Escalation, now: datetime) -> None:
    if not pausing.paused(row, open_episodes(row), now):
        take(row, now)


def _safely(row: Escalation, act: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            act()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 (one bad policy must not stop the others)
        _failed(row, error)


def take(row: Escalation, now: datetime) -> None:
    """Take the step that is due. The caller holds the row's lock."""
    episodes = open_episodes(row)
    if not episodes:
        # Whoever ended the last one ends the escalation too; this mends one that was cut off.
        save(row, state=EscalationState.ENDED, next_at=None, ended_at=now)
        return
    plan = Plan.from_json(row.plan)
    at_end = row.step >= len(plan.steps)
    step = _END if at_end else plan.steps[row.step]
    context = steps.Context(row, plan, step, episodes, now)
    effect = steps.catch_all(context) if at_end else steps.run(context)
    if effect.broken:
        faults.report(row, plan, step, effect.nobody, now)
    if at_end:
        move, over = Move(Position(row.step, row.repeat_no), None), EscalationState.EXHAUSTED
    else:
        move = advance(Position(row.step, row.repeat_no), effect.verdict, now)
        over = EscalationState.ENDED
    held = move.due is not None and move.position == Position(row.step, row.repeat_no)
    if not held:
        told = "catch_all" if at_end else "step"
        note(row, episodes, told, now, **_detail(row.step, plan, step, effect, move))
    save(
        row, step=move.position.step, repeat_no=move.position.repeat_no, next_at=move.due, errors=0,
        **({} if move.due else {"state": over, "ended_at": now}),
    )  # fmt: skip
    recorder.count("pharos.escalation.steps", attrs={"kind": str(step.kind)})


def _detail(at: int, plan: Plan, step: Step, effect: steps.Effect, move: Move) -> dict[str, Any]:
    at_end = at >= len(plan.steps)
    told: dict[str, Any] = {
        "step": at,
        "does": f"Tell {plan.catch_all_name}." if at_end else sentence(step),
        "next_at": move.due.isoformat() if move.due else None,
    }
    if effect.nobody:
        told["nobody"] = effect.nobody
    elif at_end or step.kind in PAGES:
        told["told"] = list(effect.told)
    return told


def _failed(row: Escalation, error: Exception) -> None:
    """Try the step again soon; after several times go on without it, and say so."""
    log.error("escalation_step_failed", escalation=row.pk, step=row.step, exc_info=error)
    recorder.count("pharos.escalation.failures")
    row.refresh_from_db()
    soon = db_now() + timedelta(seconds=conf.STEP_REST_S)
    if row.errors + 1 < _ERRORS_UNTIL_SKIPPED or row.step >= len(row.plan.get("steps", [])):
        save(row, errors=row.errors + 1, next_at=soon)
        return
    why = f"The step failed: {type(error).__name__}."
    note(row, open_episodes(row), "step_failed", db_now(), step=row.step, error=why)
    save(row, errors=0, step=row.step + 1, next_at=db_now())
