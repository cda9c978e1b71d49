"""Alerts on a rule itself: it cannot be judged, or it yields more alerts than are kept apart.

They are episodes of the rule like any other, without an instance: routed, acknowledged and
silenced like the rest, and never the cause of another episode's end.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from apps.alerts import conf
from apps.alerts.evaluation.ledger import Ledger
from apps.alerts.evaluation.reading import Observed, fingerprint
from apps.alerts.machine import OPEN, RANK, Reason, Severity
from apps.alerts.models import Direction, Episode, Rule

HEALTH: Final = fingerprint({"alert": "rule-health"})
OVERFLOW: Final = fingerprint({"alert": "overflow"})

Own = dict[tuple[int, str], Episode]
Beyond = Sequence[tuple[Observed, Severity]]


def open_ones(rules: Sequence[Rule]) -> Own:
    """The open alerts on these rules, by rule and kind."""
    rows = Episode.objects.filter(
        rule__in=[rule.pk for rule in rules], fingerprint__in=[HEALTH, OVERFLOW], state__in=OPEN
    )
    return {(row.rule_id, row.fingerprint): row for row in rows if row.rule_id is not None}


def watch_health(ledger: Ledger, found: Own, error: str) -> None:
    """Three errors in a row open the alert; the first evaluation that succeeds ends it."""
    rule = ledger.rule
    episode = found.get((rule.pk, HEALTH))
    if not error and episode is not None:
        ledger.end(episode, Reason.OK)
    elif error and episode is None and rule.errors_in_row >= conf.ERRORS_UNTIL_UNHEALTHY:
        fresh = _episode(rule, HEALTH, Reason.ERROR, Severity.WARNING)
        fresh.rule_name, fresh.metric = "RULE_HEALTH", "pharos.rule.errors"
        fresh.labels = {"alert": "rule-health", "rule": rule.name}
        fresh.value, fresh.threshold = rule.errors_in_row, conf.ERRORS_UNTIL_UNHEALTHY
        ledger.open(fresh, {"error": error})


def watch_overflow(ledger: Ledger, found: Own, beyond: Beyond) -> None:
    """One alert stands for all that are beyond the cap, with their number and the worst."""
    rule = ledger.rule
    episode = found.get((rule.pk, OVERFLOW))
    if not beyond:
        if episode is not None:
            ledger.end(episode, Reason.OK)
        return
    worst = max((severity for _, severity in beyond), key=RANK.__getitem__)
    if episode is None:
        fresh = _episode(rule, OVERFLOW, Reason.OVERFLOW, worst)
        fresh.metric = "pharos.rule.overflow"
        fresh.labels = {**rule.scope, "alert": "overflow"}
        fresh.value = fresh.peak = len(beyond)
        fresh.threshold = conf.MOST_INSTANCES
        ledger.open(fresh, {"count": len(beyond), "top": _top(rule, beyond)})
    elif episode.value != len(beyond) or RANK[worst] > RANK[Severity(episode.severity)]:
        ledger.grow(episode, len(beyond), worst)


def end_all(ledger: Ledger, reason: Reason) -> None:
    """The rule is paused or deleted."""
    for episode in open_ones([ledger.rule]).values():
        ledger.end(episode, reason)


def too_many(count: int) -> str:
    """What a rule with so many alerts beyond the cap says of itself."""
    return (
        f"{count} alerts more than the {conf.MOST_INSTANCES} that are kept apart for one rule are"
        " told of together. Narrow its scope, or let fewer attributes keep alerts apart."
    )


def unread() -> str:
    """What a rule says of itself that has more series than are read."""
    return (
        f"The rule yields {conf.MOST_SERIES} series or more, and only so many are read."
        " Narrow its scope, or let fewer attributes keep alerts apart."
    )


def _episode(rule: Rule, kind: str, reason: Reason, severity: Severity) -> Episode:
    return Episode(
        rule=rule, rule_name=rule.name, fingerprint=kind, reason=reason, severity=severity,
        unit="1", direction=Direction.ABOVE,
    )  # fmt: skip


def _top(rule: Rule, beyond: Beyond) -> list[dict[str, Any]]:
    def value(one: tuple[Observed, Severity]) -> float:
        return one[0].value or 0.0

    worst = sorted(beyond, key=value, reverse=rule.direction == Direction.ABOVE)
    return [
        {"labels": dict(one.labels), "value": one.value, "severity": severity}
        for one, severity in worst[: conf.OVERFLOW_SHOWN]
    ]


def unhealthy_since(rule: Rule, at: datetime) -> datetime | None:
    """Since when the rule counts as unhealthy, after an evaluation at `at` has failed."""
    if rule.errors_in_row < conf.ERRORS_UNTIL_UNHEALTHY:
        return None
    return rule.unhealthy_since or at
