"""Several rules in one transaction: claim, read, judge, write."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from apps.alerts import conf
from apps.alerts.clock import tick_at
from apps.alerts.evaluation import conditions, flaps, own, writing
from apps.alerts.evaluation.judging import HEALTH, Known, Reading, Work
from apps.alerts.evaluation.ledger import write_all
from apps.alerts.evaluation.reading import Source, read
from apps.alerts.machine import ACTIVE
from apps.alerts.models import Direction, Instance, Rule, Tick

log = structlog.get_logger(__name__)
Rules = QuerySet[Rule]
_GROWING = ("sum", "rate", "increase", "count")


def lock(rules: Rules, most: int) -> list[Rule]:
    """At most `most` of these rules that no other evaluator holds; ours until COMMIT."""
    return list(rules.select_for_update(skip_locked=True, no_key=True)[:most])


def evaluate(
    rules: Sequence[Rule], source: Source, now: datetime, *, early: bool = False
) -> list[Tick]:
    """Judge locked rules at their newest tick, or early: at this half second.

    Reads for a bounded time: the rules left over stay due. Belongs in the transaction that holds
    the locks: ticks, states, episodes and what is owed commit together.
    """
    work, idle = _observe_all(rules, source, now, early=early)
    _judge_all(work)
    ticks = [_tick(one) for one in work]
    write_all([one.ledger for one in work])
    # Fails should the tick be there already: then none of this may be written.
    writing.insert_ticks(ticks)
    done: list[tuple[Rule, datetime | None]] = [(one.rule, one.at) for one in work]
    if not early:
        _schedule([*done, *((rule, None) for rule in idle)], now)
    _keep_health(work)
    return ticks


def _observe_all(
    rules: Sequence[Rule], source: Source, now: datetime, *, early: bool
) -> tuple[list[Work], list[Rule]]:
    """What the rules see, and those whose tick is judged already."""
    ticks = {rule.pk: _half_second(now) if early else _at(rule, now) for rule in rules}
    taken = _taken(ticks)
    due = [rule for rule in rules if rule.pk not in taken]
    source.expect(due)
    try:
        with transaction.atomic():
            readings = _read_all(due, source, now, _read)
    except DatabaseError:
        # A statement of one of them spoils all: once more, with a way back for each.
        readings = _read_all(due, source, now, _read_apart)
    resumed = _resumed(due, now)
    work = [
        Work(
            rule,
            ticks[rule.pk],
            reading,
            early,
            skipped := 0 if early else _skipped(rule, ticks[rule.pk]),
            resumed=bool(skipped) or rule.pk in resumed,
        )
        for rule, reading in readings
    ]
    return work, [rule for rule in rules if rule.pk in taken]


def _read_all(
    rules: Sequence[Rule],
    source: Source,
    now: datetime,
    read_one: Callable[[Rule, Source], Reading],
) -> list[tuple[Rule, Reading]]:
    """What the rules see, as far as the time reaches; the first of them in any case."""
    stop_at = time.monotonic() + conf.BATCH_READ_S
    readings: list[tuple[Rule, Reading]] = []
    for rule in rules:
        source.until(now - timedelta(seconds=_lag_s(rule)))
        readings.append((rule, read_one(rule, source)))
        if time.monotonic() > stop_at:
            break
    return readings


def _read(rule: Rule, source: Source) -> Reading:
    try:
        series = read(rule, source)
        return Reading(series, unit=conditions.of(rule).unit(rule, source) if series else "")
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told on the rule)
        log.warning("rule_unreadable", rule=rule.pk, error=str(error))
        return failure(error)


def _read_apart(rule: Rule, source: Source) -> Reading:
    try:
        with transaction.atomic():
            return _read(rule, source)
    except DatabaseError as error:
        if connection.needs_rollback or connection.connection is None:
            raise
        log.warning("rule_unreadable", rule=rule.pk, error=str(error))
        return failure(error)


def _judge_all(work: list[Work]) -> None:
    known = _known(work)
    alerts = own.open_ones([one.rule for one in work if not one.early])
    turning = {key for one in work for key in one.turning(known[one.rule.pk])}
    remembered = flaps.remembered([(one.rule, one.at) for one in work], turning)
    for place, one in enumerate(work):
        one.ledger.flaps.known = remembered[one.rule.pk]
        work[place] = _judge(one, known[one.rule.pk], alerts)


def _judge(work: Work, known: Known, alerts: own.Own) -> Work:
    try:
        work.judge(known)
    except Exception as error:
        # Nothing of it is written; where people see it is on the rule.
        log.exception("rule_evaluation_failed", rule=work.rule.pk)
        work = Work(work.rule, work.at, failure(error), work.early, work.skipped, work.resumed)
    if not work.early:
        work.note_health()
        own.watch_health(work.ledger, alerts, work.reading.error)
        if not work.reading.error:
            own.watch_overflow(work.ledger, alerts, work.beyond)
    return work


def failure(error: Exception) -> Reading:
    """What a rule saw that could not be read."""
    return Reading({}, error=f"{type(error).__name__}: {error}"[:500])


def _known(work: Sequence[Work]) -> dict[int, Known]:
    """Active instances of the rules, and idle ones that now breach."""
    rows = Instance.objects.filter(rule__in=[one.rule.pk for one in work])
    found: dict[int, Known] = defaultdict(dict)
    for row in rows.filter(state__in=ACTIVE).select_related("episode"):
        found[row.rule_id][row.fingerprint] = row
    # Of 10,000 that breach, mostly all are active: their names need not be sent.
    new = {key for one in work for key in one.breaching if key not in found[one.rule.pk]}
    if new:
        idle = rows.exclude(state__in=ACTIVE).filter(fingerprint__in=new)
        for row in idle.select_related("episode"):
            found[row.rule_id][row.fingerprint] = row
    return found


def _tick(work: Work) -> Tick:
    return Tick(
        rule=work.rule, tick=work.at, skipped=work.skipped, error=work.reading.error,
        series=len(work.reading.series), breaching=len(work.breaching),
    )  # fmt: skip


def _taken(ticks: dict[int, datetime]) -> set[int]:
    """The rules whose tick was judged before: its time came twice, or its half second."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.rule_id FROM unnest(%s::int8[], %s::timestamptz[]) AS n(rule_id, tick)"
            " JOIN alerts_tick t ON t.rule_id = n.rule_id AND t.tick = n.tick",
            [list(ticks), list(ticks.values())],
        )
        return {row[0] for row in cursor.fetchall()}


def _resumed(rules: Sequence[Rule], now: datetime) -> set[int]:
    """The rules that were not judged for a while, and have not seen a whole window since."""
    since = [
        now - timedelta(seconds=min(rule.window_s, conf.RESUMED_MOST_S) + 2 * rule.interval_s)
        for rule in rules
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT t.rule_id FROM unnest(%s::int8[], %s::timestamptz[]) AS n(id, since)"
            " JOIN alerts_tick t ON t.rule_id = n.id AND t.tick > n.since WHERE t.skipped > 0",
            [[rule.pk for rule in rules], since],
        )
        return {row[0] for row in cursor.fetchall()}


def _schedule(done: Sequence[tuple[Rule, datetime | None]], now: datetime) -> None:
    """When each is due next; a tick that was judged before leaves the last one as it is."""
    following = [_at(rule, now) + timedelta(seconds=rule.interval_s) for rule, _ in done]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_rule r SET next_eval_at = n.following,"
            " last_tick = coalesce(n.tick, r.last_tick)"
            " FROM unnest(%s::int8[], %s::timestamptz[], %s::timestamptz[])"
            " AS n(id, following, tick) WHERE r.id = n.id",
            [[rule.pk for rule, _ in done], following, [tick for _, tick in done]],
        )


def _keep_health(work: Iterable[Work]) -> None:
    changed = [one.rule for one in work if one.health_changed]
    if changed:
        Rule.objects.bulk_update(changed, HEALTH)


def _at(rule: Rule, now: datetime) -> datetime:
    return tick_at(now, rule.interval_s, rule.offset_s)


def _half_second(now: datetime) -> datetime:
    return now.replace(microsecond=now.microsecond // 500_000 * 500_000)


def half_second_left_s(now: datetime) -> float:
    """Seconds until a rule that was just judged early may be judged so again."""
    return 0.5 - now.microsecond % 500_000 / 1e6


def _skipped(rule: Rule, at: datetime) -> int:
    if rule.last_tick is None or at <= rule.last_tick:
        return 0
    return max(0, round((at - rule.last_tick).total_seconds() / rule.interval_s) - 1)


def _lag_s(rule: Rule) -> float:
    """How far the end of the window lies back: what still comes in may not look like too little."""
    growing = rule.aggregation in _GROWING and rule.direction == Direction.BELOW
    return conf.DATA_LAG_S if growing else 0
