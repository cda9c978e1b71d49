"""Set a threshold at run time: one rule for each metric, scope and direction."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction

from apps.alerts.models import Channel, Direction, Rule
from apps.alerts.models.rule import RATIO
from apps.alerts.services import channels as channel_service
from apps.alerts.services import rules
from apps.core.errors import InvalidInputError
from apps.monitoring.queries.catalogue import MetricInfo, catalogue

_SHOWN: Final = 5
_COMPARED: Final = 1000
_AGGREGATION: Final = {"gauge": "avg", "sum": "rate", "histogram": "p95"}


@dataclass(frozen=True)
class ChannelWish:
    """A channel as the caller names it."""

    kind: str
    target: str = field(repr=False)
    secret: str = field(default="", repr=False)
    config: Mapping[str, Any] = field(default_factory=dict)
    named_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ThresholdWish:
    """What the caller wants. `aggregation` and `channels` None: as they are, or the default."""

    metric: str
    direction: str = Direction.ABOVE
    scope: Mapping[str, str] = field(default_factory=dict)
    warning: float | None = None
    critical: float | None = None
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
    info = _metric(wish)
    with transaction.atomic():
        rules.lock_identity(wish.metric, sorted(wish.scope.items()), wish.direction)
        rule = _find(wish)
        before = rules.snapshot(rule) if rule.pk else None
        if before is None:
            kind = info.kind if info else "gauge"
            rule.aggregation = wish.aggregation or _AGGREGATION[kind]
        rule.warning, rule.critical, rule.for_s = wish.warning, wish.critical, wish.for_s
        rule.enabled = True
        wanted = _channels(wish)
        rules.save(rule, actor, before=before, channels=wanted)
    keys = ("warning", "critical", "for_s", "aggregation", "enabled", "channels")
    previous = {key: before[key] for key in keys} if before is not None else None
    return ThresholdSet(rule.pk, rule.version, previous)


def _metric(wish: ThresholdWish) -> MetricInfo | None:
    known = {info.name: info for info in catalogue(wish.metric, _COMPARED)}
    if wish.metric in known or wish.force:
        return known.get(wish.metric)
    names = [info.name for info in catalogue("", _COMPARED)]
    close = difflib.get_close_matches(wish.metric, names, _SHOWN, 0.5)
    hint = f" Did you mean {', '.join(close)}?" if close else ""
    raise InvalidInputError(
        f"No series is called {wish.metric!r}.{hint}"
        " To set a threshold before the first figure arrives, add force: true.",
        {"metric": wish.metric, "close": close},
    )


def _find(wish: ThresholdWish) -> Rule:
    same = Rule.objects.select_for_update(no_key=True, of=("self",)).filter(
        metric=wish.metric, scope=dict(wish.scope), direction=wish.direction
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


def _channels(wish: ThresholdWish) -> list[Channel] | None:
    if wish.channels is None:
        return None
    made = [
        channel_service.ensure(
            w.kind, w.target, secret=w.secret, config=w.config, named_secrets=w.named_secrets
        )
        for w in wish.channels
    ]
    return list({channel.pk: channel for channel in made}.values())
