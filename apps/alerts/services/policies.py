"""Escalation policies: checked as a whole, made and replaced as a whole."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from apps.alerts.escalation.audience import Audience, audiences, of_channel
from apps.alerts.escalation.plan import PAGES, Plan, plan_of, step_of, target_of
from apps.alerts.escalation.sentences import sentence
from apps.alerts.models import Channel, EscalationPolicy, EscalationStep, Schedule, StepKind, Team
from apps.core import caller
from apps.core.errors import InvalidInputError
from apps.core.services import audit

MOST_STEPS: Final = 30
# A policy that begins again at once would say everything six times in a second.
_SHORTEST_ROUND_S: Final = 60
_FINDERS: Final[dict[str, tuple[type[models.Model], str]]] = {
    "person": (User, "username"),
    "team": (Team, "name"),
    "schedule": (Schedule, "name"),
    "channel": (Channel, "name"),
}


def save_policy(
    name: str,
    steps: Sequence[Mapping[str, Any]],
    *,
    catch_all: Channel | str | None = None,
    summary: str = "",
) -> EscalationPolicy:
    """The policy of this name with exactly these steps, made or replaced; runs are not touched.

    A step holds `kind` and the columns of its kind; targets (`person`, `team`, `schedule`,
    `channel`) are rows or names. Without a catch-all the channel of the last step is it. Raises
    InvalidInputError with the step that is wrong.
    """
    rows = [_row(number, dict(step)) for number, step in enumerate(steps)]
    check(rows)
    last = _channel(catch_all) if catch_all is not None else (rows[-1].channel if rows else None)
    if last is None:
        raise InvalidInputError(
            _("A policy needs a channel to tell at its end: name a catch-all."),
            {"field": "catch_all"},
        )
    with transaction.atomic():
        policy, _made = EscalationPolicy.objects.select_for_update().get_or_create(
            name=name[:200], defaults={"catch_all": last}
        )
        policy.catch_all, policy.summary = last, summary
        put(policy, rows)
    return policy


def put(policy: EscalationPolicy, rows: Sequence[EscalationStep]) -> None:
    """Store a policy with exactly these steps, which were checked. For its caller's transaction."""
    policy.save()
    policy.steps.all().delete()
    for row in rows:
        row.policy = policy
    EscalationStep.objects.bulk_create(rows)
    told = {"steps": [sentence(step_of(row)) for row in rows]}
    audit.record(caller.actor(), "escalation_policy.steps", policy.name, None, told)


def check(rows: Sequence[EscalationStep]) -> None:
    """Refuse steps that cannot do what they say. Raises InvalidInputError."""
    if len(rows) > MOST_STEPS:
        raise InvalidInputError(_("A policy has at most %(n)d steps.") % {"n": MOST_STEPS})
    for number, row in enumerate(rows, 1):
        problem = _problem(row, last=number == len(rows))
        if problem:
            raise InvalidInputError(
                _("Step %(n)d: %(problem)s") % {"n": number, "problem": problem},
                {"field": f"steps.{number - 1}"},
            )
    if not any(row.kind in PAGES for row in rows):
        raise InvalidInputError(_("A policy has to page somebody."))
    _check_end(rows)


def preview(policy: EscalationPolicy, severity: str, at: datetime) -> list[tuple[str, Audience]]:
    """Each step in words with whom it would page at an instant, the catch-all last."""
    plan: Plan = plan_of(policy)
    pages = iter(audiences([step for step in plan.steps if step.kind in PAGES], severity, at))
    found = [
        (sentence(step), next(pages) if step.kind in PAGES else Audience()) for step in plan.steps
    ]
    end = _("At the end tell %(name)s.") % {"name": plan.catch_all_name}
    return [*found, (end, of_channel(plan.catch_all, plan.catch_all_name))]


def _check_end(rows: Sequence[EscalationStep]) -> None:
    last = rows[-1].kind
    waits = sum(row.wait_s for row in rows if row.kind in PAGES or row.kind == StepKind.WAIT)
    if last == StepKind.REPEAT and waits < _SHORTEST_ROUND_S:
        raise InvalidInputError(
            _("A policy that begins again has to wait at least a minute on the way.")
        )
    # It never comes to its catch-all, so what cannot be off duty must have heard before.
    if last == StepKind.RESOLVE and not any(row.kind == StepKind.CHANNEL for row in rows):
        raise InvalidInputError(_("A policy that ends itself has to tell a channel first."))


def _problem(row: EscalationStep, *, last: bool) -> str:
    try:
        row.clean_fields(exclude=["policy"])
    except ValidationError as error:
        return "; ".join(error.messages)
    field = target_of(row.kind)
    if field and getattr(row, f"{field}_id") is None:
        return _("name the one it is about in “%(field)s”.") % {"field": field}
    if row.kind == StepKind.WEBHOOK and row.channel is not None and row.channel.kind != "webhook":
        return _("its channel is no webhook.")
    if row.kind in (StepKind.REPEAT, StepKind.RESOLVE) and not last:
        return _("what follows it never happens.")
    if row.kind == StepKind.REPEAT and not row.repeats:
        return _("begin again at least once.")
    return ""


def _row(number: int, told: dict[str, Any]) -> EscalationStep:
    known = {field.name for field in EscalationStep._meta.concrete_fields} - {"id", "policy"}
    if unknown := set(told) - known:
        raise InvalidInputError(
            _("Step %(n)d: unknown %(names)s.")
            % {"n": number + 1, "names": ", ".join(sorted(unknown))}
        )
    for field in _FINDERS.keys() & told.keys():
        told[field] = _found(field, told[field])
    return EscalationStep(**{**told, "position": number})


def _channel(told: Channel | str) -> Channel:
    found = _found("channel", told)
    assert isinstance(found, Channel)
    return found


def _found(field: str, told: Any) -> models.Model:
    model, column = _FINDERS[field]
    if isinstance(told, model):
        return told
    rows = list(model._default_manager.filter(**{column: told})[:2])
    if len(rows) == 1:
        return rows[0]
    words = _("There is no %(field)s named %(name)s.")
    if rows:
        words = _("There are several %(field)s named %(name)s.")
    raise InvalidInputError(words % {"field": field, "name": told}, {"field": field})


def in_words(plan: Mapping[str, Any]) -> list[str]:
    """The sentences of a plan as an escalation keeps it."""
    return [sentence(step) for step in Plan.from_json(dict(plan)).steps] if plan else []
