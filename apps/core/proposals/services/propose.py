"""Propose a change."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.core.clock import db_now
from apps.core.errors import ConflictError, InvalidInputError
from apps.core.proposals import conf, kinds
from apps.core.proposals.canonical import canonical, digest
from apps.core.proposals.kinds import Kind
from apps.core.proposals.machine import BUSY, OPEN, State
from apps.core.proposals.models import Proposal
from apps.core.proposals.services import cooling, moves, rules

_LINK = re.compile(r"(?:https?://|/(?![/\\]))[^\s\"'<>\\]*", re.ASCII)
_DETECTOR = re.compile(r"[\w.-]{1,140}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The gain a change promises, positive is better, from `low` to `high`.

    In `unit`, or as a fraction of the value before where `relative`.
    """

    metric: str
    unit: str
    direction: Literal["decrease", "increase"]
    expected: float
    low: float
    high: float
    relative: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of evidence; `url` leads to where it can be seen, inside the portal or by http."""

    label: str
    value: float | str | None
    unit: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is proposed. `evidence_at`: when the newest evidence was seen; None is now."""

    kind: str
    target: str
    title: str
    plan: Mapping[str, Any]
    evidence: Sequence[Evidence] = field(default_factory=tuple)
    predicted: Prediction | None = None
    evidence_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposed:
    """The proposal, and whether this call made it or found it open already."""

    proposal: Proposal
    created: bool


def propose(draft: Draft, author: User | str) -> Proposed:
    """Open a proposal by a person, or by the detector of this name; found again while it is open.

    Raises InvalidInputError for what cannot be meant, UnknownKindError, CoolingDownError when the
    target was changed after the evidence or a moment ago, ConflictError when too many are open.
    """
    kind = kinds.get(draft.kind)
    plan = dict(draft.plan)
    plan_hash = _checked(kind, draft, plan)
    current = kind.current(draft.target)
    now = db_now()
    seen_at = min(draft.evidence_at or now, now)
    cooling.check(kind.key, draft.target, seen_at)
    row = Proposal(
        kind=kind.key,
        target=draft.target,
        title=draft.title,
        evidence=[asdict(item) for item in draft.evidence],
        evidence_at=seen_at,
        predicted=asdict(draft.predicted) if draft.predicted else None,
        risk=kind.risk(plan).value,
        plan=plan,
        plan_hash=plan_hash,
        rollback_plan=dict(kind.rollback_plan(draft.target, plan, current)),
        fingerprint=kind.fingerprint(draft.target),
        author=author if isinstance(author, User) else None,
        author_name=_author_name(author),
        cool_down_s=kind.cool_down_s,
        expires_at=Now() + timedelta(seconds=conf.VALID_S),
    )
    found = _opened(row)
    if found.created:
        rules.allow_one(found.proposal)
    return found


def plan_digest(kind: str, target: str, plan: Mapping[str, Any]) -> str:
    """The hash an approval is bound to: kind, target and plan together."""
    return digest({"kind": kind, "target": target, "plan": dict(plan)})


def check_bounds(kind: Kind, target: str, plan: Mapping[str, Any]) -> None:
    """Raise InvalidInputError where a number of the plan leaves the kind's bounds."""
    for key, bounds in kind.bounds(target).items():
        value = plan.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not bounds.least <= value <= bounds.most:  # type: ignore[operator]
            raise InvalidInputError(
                f"{key} has to be from {bounds.least:g} to {bounds.most:g}.", {"value": str(value)}
            )


def _checked(kind: Kind, draft: Draft, plan: dict[str, Any]) -> str:
    for name, text in (("target", draft.target), ("title", draft.title)):
        if not 1 <= len(text) <= 300 or "\0" in text or not text.isprintable():
            raise InvalidInputError(f"The {name} is one line of 1 to 300 characters.")
    if len(canonical(plan)) > conf.PLAN_BYTES:
        raise InvalidInputError(f"A plan has at most {conf.PLAN_BYTES} bytes.")
    _check_evidence(draft.evidence)
    if draft.predicted is not None:
        _check_prediction(kind, draft.predicted)
    check_bounds(kind, draft.target, plan)
    kind.validate(draft.target, plan)
    return plan_digest(kind.key, draft.target, plan)


def _check_evidence(evidence: Sequence[Evidence]) -> None:
    if len(evidence) > conf.EVIDENCE_ITEMS:
        raise InvalidInputError(f"At most {conf.EVIDENCE_ITEMS} lines of evidence.")
    for item in evidence:
        if item.url and not _LINK.fullmatch(item.url):
            raise InvalidInputError("A link of evidence starts with / or http(s)://.")
    if len(canonical([asdict(item) for item in evidence])) > conf.EVIDENCE_BYTES:
        raise InvalidInputError(f"Evidence has at most {conf.EVIDENCE_BYTES} bytes.")


def _check_prediction(kind: Kind, predicted: Prediction) -> None:
    canonical(asdict(predicted))
    if not predicted.low <= predicted.expected <= predicted.high:
        raise InvalidInputError("A predicted gain lies within its interval.")
    if (predicted.direction, predicted.relative) != (kind.direction, kind.relative):
        raise InvalidInputError("A gain is predicted the way its kind measures it.")


def _author_name(author: User | str) -> str:
    if isinstance(author, User):
        return author.get_username()
    if not _DETECTOR.fullmatch(author):
        raise InvalidInputError("The name of a detector has letters, digits, . _ and -.")
    return f"detector:{author}"


def _opened(row: Proposal) -> Proposed:
    same = Proposal.objects.filter(
        kind=row.kind, target=row.target, plan_hash=row.plan_hash,
        state__in=[*OPEN, *BUSY],
    )  # fmt: skip
    for _attempt in range(3):
        if (known := same.first()) is not None:
            return Proposed(known, created=False)
        open_rows = Proposal.objects.filter(kind=row.kind, target=row.target, state__in=OPEN)
        if open_rows[: conf.OPEN_PER_TARGET].count() >= conf.OPEN_PER_TARGET:
            raise ConflictError("Too many proposals for this target are open; decide on them.")
        try:
            with transaction.atomic():
                row.save(force_insert=True)
                moves.write_down(row.pk, "propose", "", State.PROPOSED, row.author_name)
        except IntegrityError as error:
            # Another process opened the same one between our look and our INSERT.
            if "core_proposal_open_once" not in str(error):
                raise
            continue
        row.refresh_from_db()
        return Proposed(row, created=True)
    raise ConflictError("The same proposal is being opened and closed; try again.")
