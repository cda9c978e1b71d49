"""What the rest of the alert engine says to escalations, each in the transaction of its caller.

Nothing here sends: a step owes its messages, and the first one is taken at once, so that the first
page commits with the alert it is about.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.alerts.escalation import paging, rows, runner
from apps.alerts.escalation.plan import plan_of
from apps.alerts.machine import RANK, Severity
from apps.alerts.models import (
    AlertGroup,
    Episode,
    Escalation,
    EscalationMember,
    EscalationPolicy,
    EscalationState,
    MemberState,
)
from apps.alerts.outbox import wake_on_commit

# May be taken up again; the others are history.
_LIVE = (EscalationState.RUNNING, EscalationState.ACKNOWLEDGED, EscalationState.EXHAUSTED)


def start(
    policy: EscalationPolicy, group: AlertGroup | None, episodes: Sequence[Episode], at: datetime
) -> Escalation | None:
    """Escalate these episodes, or take them into the escalation of their group that runs.

    One that was acknowledged or ran out begins anew with the policy as it is now. None without
    episodes.
    """
    if not episodes:
        return None
    row, fresh = _row_of(policy, group, episodes, at)
    before = row.severity
    joined = _join(row, episodes, at)
    if fresh or row.state != EscalationState.RUNNING:
        rows.save(row, policy_name=policy.name, plan=plan_of(policy).to_json())
        _begin(row, at, "started")
    elif joined and RANK[_worst(joined)] > RANK[Severity(before)]:
        _begin(row, at, "raised")
    elif joined:
        # A step may be waiting for more alerts.
        wake_on_commit(runner.TASK)
    return row


def acknowledged(episodes: Iterable[Episode], at: datetime, *, by: str = "") -> int:
    """Somebody has these: escalations with nothing else open stop. How many did.

    Where `by` says who, whoever else was paged is told.
    """
    stopped, taken = 0, list(episodes)
    for row, members in _touched(taken, MemberState.OPEN):
        ids = set(members.values_list("episode", flat=True))
        members.update(state=MemberState.ACKNOWLEDGED, since=at)
        stopped += _settle(row, at)
        # Also of one that a step ended: its pages are out.
        if by and not row.members.filter(state=MemberState.OPEN).exists():
            paging.tell_acknowledged(row, [one for one in taken if one.pk in ids], by)
    return stopped


def unacknowledged(episodes: Iterable[Episode], at: datetime) -> int:
    """An acknowledgement ended with the alert still there: begin anew. How many did."""
    begun = 0
    for row, members in _touched(episodes, MemberState.ACKNOWLEDGED):
        if row.state in _LIVE and members.update(state=MemberState.OPEN, since=at):
            _begin(row, at, "unacknowledged")
            begun += 1
    return begun


def raised(episodes: Iterable[Episode], at: datetime) -> int:
    """These got worse, which also ends that somebody had them: begin anew. How many did."""
    told = list(episodes)
    begun = 0
    for row, members in _touched(told, MemberState.OPEN, MemberState.ACKNOWLEDGED):
        worst = _worst(
            [one for one in told if one.pk in set(members.values_list("episode", flat=True))]
        )
        stopped = row.state != EscalationState.RUNNING
        if row.state not in _LIVE or not (stopped or RANK[worst] > RANK[Severity(row.severity)]):
            continue
        members.update(state=MemberState.OPEN, since=at)
        _begin(row, at, "raised")
        begun += 1
    return begun


def resolved(episodes: Iterable[Episode], at: datetime) -> int:
    """These are over: escalations with nothing left end. How many did."""
    ended = 0
    for row, members in _touched(episodes, MemberState.OPEN, MemberState.ACKNOWLEDGED):
        last = members.select_related("episode__rule").order_by("-episode__ended_at").first()
        members.update(state=MemberState.RESOLVED, since=at)
        ended += _settle(row, at)
        over = not row.members.exclude(state=MemberState.RESOLVED).exists()
        if over and last is not None:
            # Also where a step had ended it, or nobody had acknowledged: its pages are out.
            paging.tell_resolved(row, last.episode)
    return ended


def _row_of(
    policy: EscalationPolicy, group: AlertGroup | None, episodes: Sequence[Episode], at: datetime
) -> tuple[Escalation, bool]:
    """The escalation of this group, locked, and whether it is new."""
    if group is not None and (found := _live(policy, group)):
        return found, False
    try:
        with transaction.atomic():
            made = Escalation.objects.create(
                policy=policy, policy_name=policy.name, plan={}, group=group, next_at=at,
                severity=_worst(episodes), started_at=at,
            )  # fmt: skip
    except IntegrityError:
        # Another flush began it between the two statements.
        found = _live(policy, group) if group is not None else None
        if found is None:
            raise
        return found, False
    return made, True


def _live(policy: EscalationPolicy, group: AlertGroup) -> Escalation | None:
    rows = Escalation.objects.select_for_update(of=("self",))
    return rows.filter(policy=policy, group=group, state__in=_LIVE).first()


def _join(row: Escalation, episodes: Sequence[Episode], at: datetime) -> list[Episode]:
    """Take in those that are not in yet; which were."""
    known = set(row.members.values_list("episode", flat=True))
    joined = [one for one in episodes if one.pk not in known]
    EscalationMember.objects.bulk_create(
        EscalationMember(escalation=row, episode=one, since=at) for one in joined
    )
    return joined


def _begin(row: Escalation, at: datetime, why: str) -> None:
    """From the top, and the first step at once."""
    episodes = rows.open_episodes(row)
    if not episodes:
        return
    anew = why != "started" or row.state != EscalationState.RUNNING
    rows.save(
        row, state=EscalationState.RUNNING, severity=_worst(episodes), step=0, repeat_no=0,
        round=row.round + anew, next_at=at, errors=0, paused_since=None, paused_by="",
        ended_at=None,
    )  # fmt: skip
    rows.note(row, episodes, why, at)
    runner.take_first(row, at)
    wake_on_commit(runner.TASK)


def _settle(row: Escalation, at: datetime) -> bool:
    """Stop or end it, if nothing of it is open any more."""
    left = set(row.members.values_list("state", flat=True))
    if MemberState.OPEN in left or row.state not in _LIVE:
        return False
    state = EscalationState.ACKNOWLEDGED
    if MemberState.ACKNOWLEDGED not in left:
        state = EscalationState.RESOLVED
    if row.state == state:
        return False
    ended_at = at if state == EscalationState.RESOLVED else None
    rows.save(row, state=state, next_at=None, paused_since=None, paused_by="", ended_at=ended_at)
    members = Episode.objects.filter(escalations__escalation=row)
    rows.note(row, list(members[:200]), str(state), at)
    return True


def _touched(
    episodes: Iterable[Episode], *states: MemberState
) -> list[tuple[Escalation, QuerySet[EscalationMember]]]:
    """The escalations of these episodes, locked in one order, each with their part in it."""
    ids = [episode.pk for episode in episodes]
    if not ids:
        return []
    members = EscalationMember.objects.filter(episode__in=ids, state__in=states)
    rows = Escalation.objects.select_for_update(of=("self",)).filter(
        pk__in=members.values("escalation")
    )
    return [
        # By their numbers: the state is about to change, and with it what a query would find.
        (row, EscalationMember.objects.filter(escalation=row, episode__in=ids, state__in=states))
        for row in rows.order_by("pk")
    ]


def _worst(episodes: Iterable[Episode]) -> Severity:
    return max((Severity(one.severity) for one in episodes), key=RANK.__getitem__)
