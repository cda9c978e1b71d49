"""Create and change rules; every change is a version with who, when, before and after."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import override

from apps.alerts.clock import db_now
from apps.alerts.evaluation import conditions, own
from apps.alerts.evaluation.ledger import Ledger
from apps.alerts.machine import ACTIVE, Reason, stop
from apps.alerts.models import Channel, EscalationPolicy, Instance, Rule, RuleVersion, SeenSeries
from apps.alerts.routing.enrol import enrol_open
from apps.alerts.services import ownsteps
from apps.core.errors import InvalidInputError
from apps.core.services import audit as trail

AUDITED = (
    "name", "summary", "message", "runbook", "condition", "config", "metric", "aggregation",
    "scope", "by", "numerator_scope", "remainder_scope", "min_samples", "direction", "warning",
    "critical", "clear_warning", "clear_critical", "warning_inclusive", "critical_inclusive",
    "for_s", "keep_firing_for_s", "window_s", "interval_s", "no_data", "enabled",
    "opens_incident",
)  # fmt: skip

_TOLD = {"channels", "policy", "escalation"}
# What an alert is about: with one of these changed, nothing more is learnt of the old ones.
_SUBJECT = {"condition", "metric"}


def snapshot(rule: Rule) -> dict[str, Any]:
    """All that people decide about a rule, as JSON; channels by name and masked target."""
    taken: dict[str, Any] = {name: getattr(rule, name) for name in AUDITED}
    # A policy of its own is told by its steps, for nobody else knows its name.
    escalation = ownsteps.shown(rule)
    taken["policy"] = escalation if isinstance(escalation, str) else None
    taken["escalation"] = escalation if isinstance(escalation, list) else None
    rows = rule.channels.order_by("pk").values_list("pk", "name", "hint")
    taken["channels"] = [{"id": pk, "name": name, "target": hint} for pk, name, hint in rows]
    return taken


def save(
    rule: Rule,
    actor: str,
    *,
    before: Mapping[str, Any] | None,
    channels: Iterable[Channel] | None = None,
    steps: Sequence[ownsteps.StepWish] | None = None,
) -> RuleVersion | None:
    """Validate, store and audit a rule; in force from the next tick.

    `before` is the snapshot it was changed from, None for a new rule; `channels` and `steps` None
    leave them.
    None comes back when nothing changed. Raises InvalidInputError.
    """
    check(rule)
    with transaction.atomic():
        store(rule)
        if channels is not None:
            rule.channels.set(channels)
        if steps is not None:
            ownsteps.own(rule, steps)
        return audit(rule, actor, before)


def check(rule: Rule) -> None:
    """Raises InvalidInputError with what was refused, by field; in English, as the API answers."""
    with override("en"):
        try:
            rule.full_clean()
        except ValidationError as error:
            raise InvalidInputError(
                "The rule makes no sense: " + " ".join(error.messages), dict(_by_field(error))
            ) from error


def store(rule: Rule) -> None:
    """Write only what people decide: the columns of the evaluations may have moved on meanwhile."""
    rule.save(update_fields=(*AUDITED, "policy") if rule.pk else None)


def switch(rules: Iterable[Rule], actor: str, *, on: bool) -> int:
    """Switch rules on or off; how many changed."""
    changed = 0
    for rule in rules:
        with transaction.atomic():
            before = snapshot(rule)
            if Rule.objects.filter(pk=rule.pk, enabled=not on).update(enabled=on):
                rule.enabled = on
                audit(rule, actor, before)
                changed += 1
    return changed


def audit(rule: Rule, actor: str, before: Mapping[str, Any] | None) -> RuleVersion | None:
    """Note a change that is already stored, and let it take effect. Belongs in its transaction."""
    ownsteps.tidy(rule)
    after = snapshot(rule)
    if before == after:
        return None
    changed: dict[str, Any] = {"updated_at": Now(), "next_eval_at": Now()}
    if before is not None:
        changed["version"] = F("version") + 1
    Rule.objects.filter(pk=rule.pk).update(**changed)
    rule.refresh_from_db(fields=["version", "updated_at", "next_eval_at"])
    if not rule.enabled:
        end_active(rule, Reason.PAUSED)
    elif before is not None:
        changed_fields = {name for name in after if before.get(name) != after[name]}
        _let_go(rule, changed_fields)
        if changed_fields & _TOLD:
            # What fires already and had nobody to tell is told to who has been named now.
            enrol_open(rule.pk)
    old = {k: v for k, v in before.items() if v != after.get(k)} if before is not None else None
    new = after if before is None else {k: after[k] for k in old or ()}
    verb = "create" if before is None else "update"
    trail.record(actor, f"rule.{verb}", rule.name, old, new)
    return RuleVersion.objects.create(
        rule=rule,
        rule_name=rule.name,
        version=rule.version,
        actor=actor,
        before=dict(before) if before is not None else None,
        after=after,
    )


def delete(rule: Rule, actor: str) -> None:
    """Delete a rule; its episodes and its history stay, and whoever was paged is told."""
    with transaction.atomic():
        # An evaluation that has it ends first, and none begins: its tick would refer to nothing.
        if not Rule.objects.select_for_update().filter(pk=rule.pk).exists():
            return
        before = snapshot(rule)
        RuleVersion.objects.create(
            rule_name=rule.name,
            version=rule.version + 1,
            actor=actor,
            before=before,
            after=None,
        )
        trail.record(actor, "rule.delete", rule.name, before, None)
        own_policy = EscalationPolicy.objects.filter(owner=rule).first()
        rule.delete()
        if own_policy is not None:
            ownsteps.drop(own_policy)


def end_active(rule: Rule, reason: Reason) -> int:
    """End what is active under this rule, telling those who were told that it fires."""
    with transaction.atomic():
        active = _active(rule)
        ledger = _ended(rule, active, reason)
        own.end_all(ledger, reason)
        ledger.write()
    return len(active)


def _let_go(rule: Rule, changed: set[str]) -> None:
    """End the alerts that the changed rule cannot judge any more, and forget what it remembered.

    Without this an alert of the old scope would fire for as long as the new one has no data, and
    silence be expected of series that nobody watches.
    """
    if changed & set(conditions.CONDITIONS[rule.condition].remembered_by):
        SeenSeries.objects.filter(rule=rule).delete()
    active = _active(rule) if changed & (_SUBJECT | {"scope", "by"}) else []
    gone = [one for one in active if changed & _SUBJECT or not _watches(rule, one.labels)]
    if gone:
        _ended(rule, gone, Reason.CHANGED).write()


def _watches(rule: Rule, labels: Mapping[str, str]) -> bool:
    """Whether a series of the rule may have these labels, or they stand for all of it."""
    if labels == rule.scope:
        return True
    return labels.keys() == {*rule.scope, *rule.by} and all(
        # A prefix is told as it stands, or apart by the values it has.
        labels[name] == value
        or (name in rule.by and value.endswith("*") and labels[name].startswith(value[:-1]))
        for name, value in rule.scope.items()
    )


def _active(rule: Rule) -> list[Instance]:
    active = Instance.objects.filter(rule=rule, state__in=ACTIVE).order_by("fingerprint")
    return list(active.select_related("episode"))


def _ended(rule: Rule, active: Iterable[Instance], reason: Reason) -> Ledger:
    ledger = Ledger(rule, db_now())
    for instance in active:
        ledger.record(instance, stop(instance.condition, reason), None)
    return ledger


def lock_identity(*identity: object) -> None:
    """Hold off other transactions that would create the same rule, until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 20))", [repr(identity)])


def _by_field(error: ValidationError) -> Iterable[tuple[str, list[str]]]:
    if hasattr(error, "error_dict"):
        return error.message_dict.items()
    return [("rule", error.messages)]
