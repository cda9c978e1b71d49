"""Set a threshold at run time: one rule for each metric, scope and direction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from apps.alerts.evaluation.conditions.threshold import Threshold
from apps.alerts.models import Direction, Rule
from apps.alerts.models.rule import RATIO
from apps.alerts.services import metrics, rules
from apps.alerts.services.channels import ChannelWish, channels_of


@dataclass(frozen=True)
class ThresholdWish:
    """What the caller wants. `aggregation`, `channels` and clear values None: as they are, or the
    default."""

    metric: str
    direction: str = Direction.ABOVE
    scope: Mapping[str, str] = field(default_factory=dict)
    warning: float | None = None
    critical: float | None = None
    clear_warning: float | None = None
    clear_critical: float | None = None
    for_s: int = 60
    aggregation: str | None = None
    channels: Sequence[ChannelWish] | None = None
    force: bool = False


@dataclass(frozen=True)
class ThresholdSet:
    """The rule in force now; `previous` holds the former values, None for a new rule."""

    id: int
    version: int
    previous: dict[str, Any] | None


def set_threshold(wish: ThresholdWish, actor: str) -> ThresholdSet:
    """Create or change the rule of this metric, scope and direction. Idempotent.

    Raises InvalidInputError: thresholds out of order, a bad channel, or a metric that was never
    seen (unless `force`), naming those with close names.
    """
    info = metrics.known(wish.metric, force=wish.force)
    with transaction.atomic():
        rules.lock_identity(wish.metric, sorted(wish.scope.items()), wish.direction)
        rule = _find(wish)
        before = rules.snapshot(rule) if rule.pk else None
        if before is None:
            kind = info.kind if info else "gauge"
            rule.aggregation = wish.aggregation or metrics.USUAL_AGGREGATION[kind]
        rule.warning, rule.critical, rule.for_s = wish.warning, wish.critical, wish.for_s
        rule.enabled = True
        _set_clear(rule, wish)
        wanted = None if wish.channels is None else channels_of(wish.channels)
        rules.save(rule, actor, before=before, channels=wanted)
    keys = ("warning", "critical", "for_s", "aggregation", "enabled", "channels")
    previous = {key: before[key] for key in keys} if before is not None else None
    return ThresholdSet(rule.pk, rule.version, previous)


def _find(wish: ThresholdWish) -> Rule:
    same = Rule.objects.select_for_update(no_key=True, of=("self",)).filter(
        metric=wish.metric,
        scope=dict(wish.scope),
        direction=wish.direction,
        condition=Threshold.kind,
    )
    if wish.aggregation is not None:
        same = same.filter(aggregation=wish.aggregation)
    # The threshold of a ratio is a share, another quantity than that of the metric itself.
    found = same.exclude(aggregation=RATIO).order_by("pk").first()
    return found or Rule(
        name=_name(wish),
        metric=wish.metric,
        scope=dict(wish.scope),
        direction=wish.direction,
    )


def _name(wish: ThresholdWish) -> str:
    scope = ", ".join(f"{key}={value}" for key, value in sorted(wish.scope.items()))
    return f"{wish.metric} {wish.direction}{f' ({scope})' if scope else ''}"[:200]


def _set_clear(rule: Rule, wish: ThresholdWish) -> None:
    """The clear values asked for; else those there are, where they still are easier."""
    for name in ("clear_warning", "clear_critical"):
        asked = getattr(wish, name)
        if asked is not None:
            setattr(rule, name, asked)
        elif rule.thresholds.problem():
            setattr(rule, name, None)
