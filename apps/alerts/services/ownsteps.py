"""The escalation a rule brings along: steps of its own, kept as a policy that it owns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import models

from apps.alerts.escalation.plan import PAGES, step_of
from apps.alerts.models import (
    Channel,
    EscalationPolicy,
    EscalationStep,
    Rule,
    Schedule,
    StepKind,
    Team,
)
from apps.alerts.models.escalation import STEP_WAIT_S
from apps.alerts.services import policies
from apps.alerts.services.channels import ChannelWish, channels_of
from apps.core.errors import InvalidInputError

TARGETS: Final = {
    "person": StepKind.USER, "team": StepKind.TEAM, "schedule": StepKind.SCHEDULE,
    "channel": StepKind.CHANNEL,
}  # fmt: skip
_NAMES: Final[dict[str, tuple[type[models.Model], str]]] = {
    "person": (User, "username"), "team": (Team, "name"), "schedule": (Schedule, "name"),
    "channel": (Channel, "name"),
}  # fmt: skip
_WORDS: Final = {kind: word for word, kind in TARGETS.items()}
PREFETCHED: Final = tuple(f"policy__steps__{name}" for name in TARGETS)


@dataclass(frozen=True)
class StepWish:
    """One step: so many seconds after the one before it, or after the alert, this is done.

    `what` is a key of `TARGETS`, `declare` or `repeat`; `target` its name, a channel's number or a
    channel to be made, or how often to repeat.
    """

    what: str
    after_s: int
    target: str | int | ChannelWish | None = None


def own(rule: Rule, wishes: Sequence[StepWish]) -> None:
    """Make these the steps of the policy this rule owns, and the policy the rule's.

    Belongs in the transaction of the change. The same steps again change nothing. Raises
    InvalidInputError, by the number of the step.
    """
    rows = [_row(number, wish) for number, wish in enumerate(wishes)]
    last = _last(rule, rows)
    try:
        policies.check(rows)
    except InvalidInputError as error:
        raise InvalidInputError(str(error), _at(error.details.get("field", ""), error)) from error
    rows = _with_waits(rows, [wish.after_s for wish in wishes])
    policy = EscalationPolicy.objects.select_for_update(of=("self",)).filter(owner=rule).first()
    policy = policy or EscalationPolicy(owner=rule)
    wanted = (_name(rule), last.pk, [step_of(row) for row in rows])
    if policy.pk is None or wanted != (policy.name, policy.catch_all_id, _steps(policy)):
        policy.name, policy.catch_all = wanted[0], last
        policies.put(policy, rows)
    rule.policy = policy
    Rule.objects.filter(pk=rule.pk).update(policy=policy)


def tidy(rule: Rule) -> None:
    """Let the policy a rule owns bear its name, and go when the rule has turned to another."""
    mine = EscalationPolicy.objects.filter(owner=rule.pk).first()
    if mine is None:
        return
    if mine.pk != rule.policy_id:
        drop(mine)
    elif mine.name != _name(rule):
        EscalationPolicy.objects.filter(pk=mine.pk).update(name=_name(rule))


def drop(policy: EscalationPolicy) -> None:
    """Delete a policy that was a rule's own. One that others use stays, as theirs."""
    if policy.rules.exists() or policy.receivers.exists():
        EscalationPolicy.objects.filter(pk=policy.pk).update(owner=None)
    else:
        policy.delete()


def shown(rule: Rule) -> str | list[dict[str, Any]] | None:
    """The escalation of a rule as programs name it: a policy's name, or the steps of its own."""
    policy = rule.policy
    if policy is None:
        return None
    return policy.name if policy.owner_id is None else _told(policy.steps.all())


def wishes_of(told: Sequence[Mapping[str, Any]]) -> list[StepWish]:
    """The steps as `shown` tells them."""
    found = []
    for step in told:
        what = next(name for name in (*TARGETS, "declare", "repeat") if name in step)
        found.append(StepWish(what, step["after_s"], step[what]))
    return found


def _told(rows: Iterable[EscalationStep]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    after_s = 0
    for row in rows:
        if row.kind == StepKind.WAIT:
            after_s += row.wait_s
            continue
        told.append({"after_s": after_s, **_target_told(row)})
        after_s = row.wait_s if row.kind in PAGES else 0
    return told


def _target_told(row: EscalationStep) -> dict[str, Any]:
    if row.kind == StepKind.REPEAT:
        return {"repeat": row.repeats}
    if row.kind == StepKind.DECLARE:
        return {"declare": True}
    what, name = _WORDS[StepKind(row.kind)], step_of(row).name
    # Channels share names; what people call one is told beside its number.
    return {what: row.channel_id, "name": name} if what == "channel" else {what: name}


def _row(number: int, wish: StepWish) -> EscalationStep:
    if wish.what == "declare":
        return EscalationStep(kind=StepKind.DECLARE)
    if wish.what == "repeat":
        return EscalationStep(kind=StepKind.REPEAT, repeats=int(str(wish.target)))
    target = _found(number, wish.what, wish.target)
    return EscalationStep(
        kind=TARGETS[wish.what], wait_s=STEP_WAIT_S, **{f"{wish.what}_id": target}
    )


def _found(number: int, what: str, told: Any) -> int:
    if isinstance(told, ChannelWish):
        return channels_of([told])[0].pk
    model, column = _NAMES[what]
    wanted = {"pk": told} if isinstance(told, int) else {column: told}
    rows = list(model._default_manager.filter(**wanted).values_list("pk", flat=True)[:2])
    if len(rows) == 1:
        return int(rows[0])
    there = "are several" if rows else "is no"
    plural = "s" if rows else ""
    words = f"There {there} {what}{plural} named {told!r}."
    if rows:
        words += " Name it by its number."
    raise InvalidInputError(f"escalation.{number}: {words}", _at(f"steps.{number}", words))


def _last(rule: Rule, rows: Sequence[EscalationStep]) -> Channel:
    """Who is told when every step is through: the last channel of them, else one of the rule's."""
    named = [row.channel_id for row in rows if row.channel_id is not None]
    found = (
        Channel.objects.filter(pk=named[-1]).first()
        if named
        else rule.channels.filter(enabled=True).order_by("pk").first()
    )
    if found is None:
        words = "An escalation ends with a channel: name one in a step, or give the rule channels."
        raise InvalidInputError(f"escalation: {words}", _at("", words))
    return found


def _with_waits(rows: Sequence[EscalationStep], after: Sequence[int]) -> list[EscalationStep]:
    """A step that pages waits by itself for the next; before any other a wait stands."""
    laid: list[EscalationStep] = []
    for row, after_s in zip(rows, after, strict=True):
        if laid and laid[-1].kind in PAGES:
            laid[-1].wait_s = after_s
        elif after_s:
            laid.append(EscalationStep(kind=StepKind.WAIT, wait_s=after_s))
        laid.append(row)
    for position, row in enumerate(laid):
        row.position = position
    return laid


def _steps(policy: EscalationPolicy) -> list[Any]:
    rows = policy.steps.select_related(*TARGETS).order_by("position", "pk")
    return [step_of(row) for row in rows]


def _name(rule: Rule) -> str:
    return f"#{rule.pk} {rule.name}"[:200]


def _at(field: str, words: Any) -> dict[str, Any]:
    """Where a mistake is, in the shape of every refused body."""
    number = field.rpartition(".")[2]
    told = [str(words)]
    return {"fields": {"escalation": {number: told} if number else told}}
