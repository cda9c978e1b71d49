"""Which rules are due, and who judges them: any number of evaluators, each rule and tick once."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from apps.alerts import conf
from apps.alerts.clock import db_now, may_judge
from apps.alerts.evaluation import batch
from apps.alerts.evaluation.reading import FailedSource, Source, StoreSource
from apps.alerts.models import Rule, Tick
from apps.monitoring import recorder

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


@dataclass
class Summary:
    """What one run did."""

    evaluated: int = 0
    errors: int = 0
    skipped: int = 0
    # Metrics whose rules another held, or were judged just before, or found no time.
    left: set[str] = field(default_factory=set)
    # After how many seconds those are worth another try.
    again_s: float = field(default=0.0, compare=False)

    def add(self, ticks: Collection[Tick]) -> None:
        """Count these evaluations."""
        self.evaluated += len(ticks)
        self.errors += sum(bool(tick.error) for tick in ticks)
        self.skipped += sum(tick.skipped for tick in ticks)


def evaluate_due(source: Source | None = None, clock: Clock = db_now) -> Summary:
    """Judge every rule whose tick has come, oldest first, within the time budget of one task.

    Any number may run at once: each rule and tick is judged by one of them. Raises DatabaseError
    when the database is away; then nothing was half done.
    """
    source = source or StoreSource()
    summary = Summary()
    if clock is db_now and not may_judge():
        return summary
    failed: set[int] = set()
    stop_at = time.monotonic() + conf.EVALUATE_BUDGET_S
    while time.monotonic() < stop_at:
        locked, ticks = _one_batch(source, clock, failed)
        summary.add(ticks)
        if not locked:
            break
    return summary


def evaluate_rule(pk: int, source: Source, clock: Clock = db_now) -> Tick | None:
    """Judge one rule at its newest tick; None when another does, or did, or it is not due.

    The tick, the states, the episodes and the messages owed commit together: a crash at any
    instant leaves either all of them or none, and then the tick is taken again.
    """
    with transaction.atomic():
        now = clock()
        rules = batch.lock(_due(now).filter(pk=pk), 1)
        ticks = batch.evaluate(rules, source, now) if rules else []
    _count(ticks)
    return ticks[0] if ticks else None


def evaluate_early(
    metrics: Collection[str], source: Source | None = None, clock: Clock = db_now
) -> Summary:
    """Judge the rules that read these metrics now, for figures of theirs were written.

    At most twice a second a rule, and only those that wait for less than their interval: where a
    breach has to last longer, nobody is paged sooner by it. What could not be judged yet is told in
    `left`; what failed is left to the ordinary tick.
    """
    source = source or StoreSource()
    summary = Summary()
    if clock is db_now and not may_judge():
        return summary
    rules = _hasty().filter(metric__in=metrics).order_by("pk")
    wanted = dict(rules.values_list("pk", "metric"))
    after, held = 0, set(wanted)
    stop_at = time.monotonic() + conf.EARLY_BUDGET_S
    while wanted and time.monotonic() < stop_at:
        with transaction.atomic():
            now = clock()
            locked = batch.lock(rules.filter(pk__gt=after), conf.RULES_AT_ONCE)
            ticks = batch.evaluate(locked, source, now, early=True) if locked else []
        _count(ticks, early=True)
        summary.add(ticks)
        held.difference_update(rule.pk for rule in locked)
        for tick in ticks:
            wanted.pop(tick.rule_id, None)
        summary.again_s = conf.LOCKED_AGAIN_S if held else batch.half_second_left_s(now)
        if len(locked) < conf.RULES_AT_ONCE:
            break
        after = locked[-1].pk
    summary.left = set(wanted.values())
    return summary


def hasty_metrics() -> set[str]:
    """The metrics whose rules are judged when figures are written."""
    return set(_hasty().order_by("metric").values_list("metric", flat=True).distinct())


def _hasty() -> "batch.Rules":
    return Rule.objects.filter(enabled=True, for_s__lt=F("interval_s"))


def _one_batch(source: Source, clock: Clock, failed: set[int]) -> tuple[int, list[Tick]]:
    """How many rules were due and free, and the ticks judged."""
    rules: list[Rule] = []
    try:
        with transaction.atomic():
            now = clock()
            rules = batch.lock(_due(now).exclude(pk__in=failed), conf.RULES_AT_ONCE)
            ticks = batch.evaluate(rules, source, now) if rules else []
    except Exception as error:
        if _connection_lost(error) or not connection.is_usable():
            # Not the rules' fault: the next poll takes the same ticks again.
            raise
        log.exception("batch_failed", rules=[rule.pk for rule in rules])
        failed.update(rule.pk for rule in rules)
        return len(rules), _one_by_one(rules, source, clock)
    _count(ticks)
    return len(rules), ticks


def _one_by_one(rules: Collection[Rule], source: Source, clock: Clock) -> list[Tick]:
    """Find the rule whose changes could not be written, and keep that on it."""
    found = [_evaluate_safely(rule.pk, source, clock) for rule in rules]
    return [tick for tick in found if tick is not None]


def _evaluate_safely(pk: int, source: Source, clock: Clock) -> Tick | None:
    try:
        return evaluate_rule(pk, source, clock)
    except Exception as error:
        if _connection_lost(error) or not connection.is_usable():
            raise
        log.exception("rule_evaluation_failed", rule=pk)
        return evaluate_rule(pk, FailedSource(error), clock)


def _due(now: datetime) -> "batch.Rules":
    return Rule.objects.filter(enabled=True, next_eval_at__lte=now).order_by(
        "next_eval_at", "metric"
    )


def _connection_lost(error: Exception) -> bool:
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    # 57P0x: the server ended the session; class 08: the line broke.
    return state is None or state.startswith(("57P0", "08"))


def _count(ticks: Collection[Tick], *, early: bool = False) -> None:
    errors = sum(bool(tick.error) for tick in ticks)
    for error, count in ((True, errors), (False, len(ticks) - errors)):
        if count:
            recorder.count("pharos.rule.evaluations", count, attrs={"error": error, "early": early})
