"""Which rules are due, and the one transaction in which each is judged."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.alerts import conf
from apps.alerts.evaluation import conditions
from apps.alerts.evaluation.clock import db_now, tick_at
from apps.alerts.evaluation.ledger import Ledger
from apps.alerts.evaluation.observed import is_silent, notes_of, result_of, silent_key
from apps.alerts.evaluation.reading import FailedSource, Observed, Source, StoreSource, read
from apps.alerts.machine import ACTIVE, Condition, NoDataPolicy, advance
from apps.alerts.models import Instance, Rule, Tick
from apps.monitoring import recorder
from apps.monitoring.queries.series import MOST_RESULTS

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
_TOO_MANY = (
    f"The rule yields {MOST_RESULTS} series or more, and only so many are judged."
    " Narrow its scope, or let fewer attributes keep alerts apart."
)


@dataclass
class Summary:
    """What one run did."""

    evaluated: int = 0
    errors: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Reading:
    """What one rule saw: its series, or why nothing could be seen."""

    series: dict[str, Observed]
    error: str = ""

    @property
    def empty(self) -> bool:
        return not self.error and is_silent(self.series)


def evaluate_due(source: Source | None = None, clock: Clock = db_now) -> Summary:
    """Judge every rule whose tick has come, oldest first, within the time budget of one task.

    Any number may run at once: each rule and tick is judged by one of them. Raises DatabaseError
    when the database is away; then nothing was half done.
    """
    source = source or StoreSource()
    summary = Summary()
    stop_at = time.monotonic() + conf.EVALUATE_BUDGET_S
    due = Rule.objects.filter(enabled=True, next_eval_at__lte=clock()).order_by("next_eval_at")
    for pk in list(due.values_list("pk", flat=True)[:5000]):
        if time.monotonic() > stop_at:
            break
        tick = _evaluate_safely(pk, source, clock)
        if tick is not None:
            summary.evaluated += 1
            summary.skipped += tick.skipped
            summary.errors += bool(tick.error)
    return summary


def evaluate_rule(pk: int, source: Source, clock: Clock = db_now) -> Tick | None:
    """Judge one rule at its newest tick; None when another does, or did, or it is not due.

    The tick, the states, the episodes and the messages owed commit together: a crash at any
    instant leaves either all of them or none, and then the tick is taken again.
    """
    with transaction.atomic():
        rule = (
            Rule.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(pk=pk, enabled=True)
            .first()
        )
        now = clock()
        if rule is None or rule.next_eval_at > now:
            return None
        at = tick_at(now, rule.interval_s, rule.offset_s)
        tick = _claim(rule, at)
        if tick is None:
            _schedule(rule, at, ["next_eval_at"])
            return None
        reading = _observe(rule, source)
        changed = _note_health(rule, at, reading)
        if not reading.error:
            _judge(rule, at, reading, source)
        tick.series = len(reading.series)
        tick.error = reading.error
        tick.breaching = sum(one.severity(rule) is not None for one in reading.series.values())
        tick.save(update_fields=["series", "error", "breaching"])
        rule.last_tick = at
        _schedule(rule, at, ["next_eval_at", "last_tick", *changed])
    recorder.count("pharos.rule.evaluations", attrs={"error": bool(reading.error)})
    return tick


def _evaluate_safely(pk: int, source: Source, clock: Clock) -> Tick | None:
    try:
        return evaluate_rule(pk, source, clock)
    except Exception as error:
        if _connection_lost(error) or not connection.is_usable():
            # Not the rule's fault: the next poll takes the same tick again.
            raise
        log.exception("rule_evaluation_failed", rule=pk)
        return _fail(pk, error, clock)


def _connection_lost(error: Exception) -> bool:
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    # 57P0x: the server ended the session; class 08: the line broke.
    return state is None or state.startswith(("57P0", "08"))


def _fail(pk: int, error: Exception, clock: Clock) -> Tick | None:
    """Keep a failure of the engine itself where people see it: on the rule."""
    return evaluate_rule(pk, FailedSource(error), clock)


def _claim(rule: Rule, at: datetime) -> Tick | None:
    skipped = 0
    if rule.last_tick is not None and at > rule.last_tick:
        skipped = max(0, round((at - rule.last_tick).total_seconds() / rule.interval_s) - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_tick (rule_id, tick, skipped, series, breaching, error)"
            " VALUES (%s, %s, %s, 0, 0, '') ON CONFLICT (rule_id, tick) DO NOTHING RETURNING id",
            [rule.pk, at, skipped],
        )
        row = cursor.fetchone()
    return None if row is None else Tick(pk=row[0], rule=rule, tick=at, skipped=skipped)


def _schedule(rule: Rule, at: datetime, columns: list[str]) -> None:
    rule.next_eval_at = at + timedelta(seconds=rule.interval_s)
    rule.save(update_fields=columns)


def _observe(rule: Rule, source: Source) -> Reading:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {conf.QUERY_TIMEOUT_S * 1000}")
            return Reading(read(rule, source))
    except Exception as error:
        if connection.needs_rollback or connection.connection is None:
            raise
        log.warning("rule_unreadable", rule=rule.pk, error=str(error))
        return Reading({}, error=f"{type(error).__name__}: {error}"[:500])


def _note_health(rule: Rule, at: datetime, reading: Reading) -> list[str]:
    before = _health(rule)
    if reading.error:
        rule.errors_in_row += 1
        rule.last_error = reading.error
        if rule.errors_in_row >= conf.ERRORS_UNTIL_UNHEALTHY and rule.unhealthy_since is None:
            rule.unhealthy_since = at
            log.error("rule_unhealthy", rule=rule.pk, error=reading.error)
    else:
        rule.errors_in_row, rule.unhealthy_since = 0, None
        rule.last_error = _TOO_MANY if len(reading.series) >= MOST_RESULTS else ""
        rule.no_data_since = (rule.no_data_since or at) if reading.empty else None
        rule.note = notes_of(reading.series)
    if _health(rule) == before:
        return []
    return ["errors_in_row", "unhealthy_since", "no_data_since", "last_error", "note"]


def _health(rule: Rule) -> tuple[object, ...]:
    return (
        rule.errors_in_row, rule.unhealthy_since, rule.no_data_since, rule.last_error, rule.note,
    )  # fmt: skip


def _judge(rule: Rule, at: datetime, reading: Reading, source: Source) -> None:
    series = reading.series
    breaching = [key for key, one in series.items() if one.severity(rule) is not None]
    instances = _instances(rule, breaching)
    if reading.empty and rule.no_data == NoDataPolicy.ALERTING and not _any_active(instances):
        series = series or {silent_key(rule): Observed(rule.scope, None)}
        breaching = list(series)
        instances = _instances(rule, breaching)
    if not instances and not breaching:
        return
    unit = conditions.of(rule).unit(rule, source) if breaching else ""
    ledger = Ledger(rule, at, unit)
    # Sorted: one order for every worker, so that two bulk writes can never deadlock.
    for key in sorted({*instances, *breaching}):
        one = series.get(key)
        instance = instances.get(key) or _fresh(rule, key, series[key], at)
        condition = instance.condition
        severity = one.severity(rule, condition) if one else None
        result = result_of(rule, reading.series, key, severity)
        step = advance(condition, result, at, rule.timing, severity)
        ledger.record(instance, step, one.value if one else None, one)
    ledger.write()


def _any_active(instances: dict[str, Instance]) -> bool:
    return any(one.state in ACTIVE for one in instances.values())


def _instances(rule: Rule, breaching: list[str]) -> dict[str, Instance]:
    """Active instances, and idle ones that now breach."""
    known = Instance.objects.filter(rule=rule).select_related("episode")
    found = known.filter(state__in=ACTIVE) | known.filter(fingerprint__in=breaching)
    return {one.fingerprint: one for one in found}


def _fresh(rule: Rule, key: str, one: Observed, at: datetime) -> Instance:
    instance = Instance(rule=rule, fingerprint=key, labels=dict(one.labels), tick=at)
    instance.condition = Condition()
    return instance
