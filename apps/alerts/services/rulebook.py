"""Rules as programs set them: whole by name, in part by number, tried out, restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import OperationalError, transaction

from apps.alerts.evaluation.conditions import CONDITIONS
from apps.alerts.evaluation.observed import Observed
from apps.alerts.evaluation.reading import read
from apps.alerts.evaluation.sources import StoreSource
from apps.alerts.models import Channel, EscalationPolicy, Rule, RuleVersion
from apps.alerts.models.rule import RATIO
from apps.alerts.services import metrics, ownsteps, rules
from apps.alerts.services.channels import ChannelWish, channels_of
from apps.core.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError

_OWN: Final = frozenset(rules.AUDITED)


@dataclass(frozen=True)
class RuleWish:
    """What the caller wants. `fields`: those of a rule that were named; `channels` and `steps` (of
    an escalation of its own) None: as they are."""

    fields: Mapping[str, Any]
    channels: Sequence[ChannelWish] | None = None
    steps: Sequence[ownsteps.StepWish] | None = None
    force: bool = False


@dataclass(frozen=True)
class RuleSet:
    """The rule in force now; `previous` holds the former values, None for a new rule."""

    rule: Rule
    previous: dict[str, Any] | None = None
    found: list[Observed] = field(default_factory=list)


def set_by_name(wish: RuleWish, actor: str) -> RuleSet:
    """Create the rule of this name, or bring it to what is asked. Idempotent.

    What is not named keeps its value, in a new rule its default. Raises InvalidInputError, and
    ConflictError when several rules bear the name.
    """
    name = wish.fields["name"]
    with transaction.atomic():
        rules.lock_identity("rule", name)
        same = list(Rule.objects.select_for_update(no_key=True).filter(name=name)[:2])
        if len(same) > 1:
            raise ConflictError(f"Several rules are called {name!r}: change one by its number.")
        return _set(same[0] if same else Rule(), wish, actor)


def change(pk: int, wish: RuleWish, actor: str) -> RuleSet:
    """Change one rule. Raises NotFoundError and InvalidInputError."""
    with transaction.atomic():
        rule = Rule.objects.select_for_update(no_key=True).filter(pk=pk).first()
        if rule is None:
            raise NotFoundError("There is no such rule.", {"rule": pk})
        return _set(rule, wish, actor)


def remove(pk: int, actor: str) -> None:
    """Delete one rule; its episodes stay. Raises NotFoundError."""
    rule = Rule.objects.filter(pk=pk).first()
    if rule is None:
        raise NotFoundError("There is no such rule.", {"rule": pk})
    rules.delete(rule, actor)


def draft(wish: RuleWish, pk: int | None = None) -> Rule:
    """An unsaved rule as the wish would make it, from scratch or from the one of this number.

    Raises InvalidInputError and NotFoundError.
    """
    rule = Rule() if pk is None else Rule.objects.filter(pk=pk).first()
    if rule is None:
        raise NotFoundError("There is no such rule.", {"rule": pk})
    _fill(rule, wish)
    rule.name = rule.name or "Preview"
    validate(rule)
    return rule


def restore(pk: int, version: int, actor: str) -> RuleSet:
    """Bring a rule back to what it was in a former version, as a new version.

    Its channels stay as they are: a version knows them by masked target only. So does its
    escalation where the policy of then is gone. Raises NotFoundError, and InvalidInputError where
    that version makes no sense any more.
    """
    row = RuleVersion.objects.filter(rule=pk, version=version).first()
    if row is None or row.after is None:
        raise NotFoundError("There is no such version.", {"rule": pk, "version": version})
    fields = {name: value for name, value in row.after.items() if name in _OWN}
    steps = row.after.get("escalation")
    if steps is None and "policy" in row.after:
        fields |= _policy_then(row.after["policy"])
    wish = RuleWish(fields, steps=ownsteps.wishes_of(steps) if steps else None, force=True)
    return change(pk, wish, actor)


def _policy_then(name: str | None) -> dict[str, Any]:
    found = EscalationPolicy.objects.filter(name=name, owner=None).first() if name else None
    return {"policy": found} if found is not None or name is None else {}


def validate(rule: Rule) -> None:
    """Raises InvalidInputError for what makes no sense in the rule itself."""
    kind = CONDITIONS.get(rule.condition)
    if kind is not None and kind.stands_for:
        rule.metric = kind.stands_for
    rules.check(rule)


def probe(rule: Rule) -> list[Observed]:
    """What the rule sees now; nothing is remembered of it. Raises InvalidInputError when its
    metric cannot be read in this way."""
    return list(read(rule, _Probing()).values())


class _Probing(StoreSource):
    """Asks, and keeps nothing."""

    def recall(self, rule: Rule) -> dict[str, Any]:
        """An unsaved rule remembers nothing."""
        return super().recall(rule) if rule.pk else {}

    def remember(self, rule: Rule, changed: Any, gone: Any) -> None:
        """Not what was only tried."""


def _set(rule: Rule, wish: RuleWish, actor: str) -> RuleSet:
    before = rules.snapshot(rule) if rule.pk else None
    _fill(rule, wish)
    validate(rule)
    found = _tried(rule)
    channels: list[Channel] | None = None
    if wish.channels is not None:
        channels = channels_of(wish.channels)
    rules.save(rule, actor, before=before, channels=channels, steps=wish.steps)
    return RuleSet(rule, before, found)


def _fill(rule: Rule, wish: RuleWish) -> None:
    named = dict(wish.fields)
    for name, value in named.items():
        setattr(rule, name, value)
    kind = CONDITIONS.get(rule.condition)
    if kind is not None and kind.stands_for:
        return
    if not rule.metric:
        raise InvalidInputError("Say which metric is judged.", {"metric": ["is missing"]})
    fresh = rule._state.adding
    if "metric" in named or fresh:
        info = metrics.known(rule.metric, force=wish.force)
        if "aggregation" not in named and fresh:
            usual = metrics.USUAL_AGGREGATION[info.kind if info else "gauge"]
            rule.aggregation = RATIO if rule.numerator_scope else usual


def _tried(rule: Rule) -> list[Observed]:
    """What it sees now; only what can never be read refuses it, not a store that is slow."""
    try:
        with transaction.atomic():
            return probe(rule)
    except (UnavailableError, OperationalError):
        return []
