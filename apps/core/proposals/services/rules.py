"""What applies by itself, and whether anything does."""

from fnmatch import fnmatchcase
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.core.errors import InvalidInputError
from apps.core.proposals import conf, kinds
from apps.core.proposals.errors import UnknownKindError
from apps.core.proposals.machine import Move, Risk, State
from apps.core.proposals.models import AutoApplyRule, LoopSwitch, Proposal
from apps.core.proposals.services import moves

_MOST_RULES: Final = 200
_LOOKED_THROUGH: Final = 2000


def allowing(kind: str, target: str, risk: str) -> AutoApplyRule | None:
    """The operator's word that lets this change apply by itself; only ever for LOW risk."""
    if risk != Risk.LOW:
        return None
    rules = AutoApplyRule.objects.filter(kind=kind, enabled=True).order_by("pk")
    return next((rule for rule in rules[:_MOST_RULES] if _fits(rule, kind, target)), None)


def allow_one(proposal: Proposal) -> bool:
    """Approve a LOW proposal where a rule says so; whether that happened."""
    if proposal.state != State.PROPOSED:
        return False
    rule = allowing(proposal.kind, proposal.target, proposal.risk)
    if rule is None:
        return False
    try:
        waits = kinds.get(proposal.kind).waits_for_apply
    except UnknownKindError:
        # Installed elsewhere or no more: a process that knows it may allow it.
        return False
    # The rule stands for approvals; when such a kind begins is still a person's to say.
    return moves.make(
        proposal, Move.APPROVE, f"rule:{rule.pk}", f"Allowed by {rule}.",
        auto_rule=rule, next_at=None if waits else Now(),
    )  # fmt: skip


def allow_waiting() -> int:
    """Approve what has been waiting since before its rule was made; how many."""
    standing = list(AutoApplyRule.objects.filter(enabled=True).order_by("pk")[:_MOST_RULES])
    if not standing:
        return 0
    waiting = Proposal.objects.filter(
        state=State.PROPOSED, risk=Risk.LOW, expires_at__gt=Now(),
        kind__in={rule.kind for rule in standing},
    )  # fmt: skip
    # Others that wait must not stand in the way of those a rule means.
    names = waiting.order_by("created_at").values_list("pk", "kind", "target")[:_LOOKED_THROUGH]
    meant = [pk for pk, kind, target in names if any(_fits(r, kind, target) for r in standing)]
    return sum(allow_one(one) for one in Proposal.objects.filter(pk__in=meant[: conf.RUN_LIMIT]))


def _fits(rule: AutoApplyRule, kind: str, target: str) -> bool:
    return rule.kind == kind and fnmatchcase(target, rule.pattern)


def set_rule(kind: str, pattern: str, by: str, *, enabled: bool) -> AutoApplyRule:
    """Allow or forbid automatic changes. Raises UnknownKindError, InvalidInputError."""
    kinds.get(kind)
    if not 1 <= len(pattern) <= 300 or not pattern.isprintable():
        raise InvalidInputError("A pattern of targets is one line of 1 to 300 characters.")
    with transaction.atomic():
        rule, _made = AutoApplyRule.objects.update_or_create(
            kind=kind, pattern=pattern,
            defaults={"enabled": enabled}, create_defaults={"enabled": enabled, "created_by": by},
        )  # fmt: skip
    return rule


def stopped() -> str:
    """Why nothing is applied now; empty while applying is on."""
    if not settings.PHAROS_LOOP:
        return "PHAROS_LOOP is false in the environment of this process."
    row = LoopSwitch.objects.filter(pk=1, stopped=True).first()
    return "" if row is None else f"Stopped by {row.changed_by}. {row.reason}".strip()


def switch(by: str, reason: str = "", *, stop: bool) -> None:
    """Stop all applying, or let it go on. What is half done is rolled back."""
    with transaction.atomic():
        LoopSwitch.objects.update_or_create(
            pk=1,
            defaults={
                "stopped": stop, "reason": moves.clean(reason), "changed_by": by,
                "changed_at": Now(),
            },
        )  # fmt: skip
