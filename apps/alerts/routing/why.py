"""Why somebody was, or was not, told of an episode: everything that was noted, in its order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from apps.alerts.machine import OPEN, State
from apps.alerts.models import (
    Attempt,
    Decision,
    DigestEntry,
    Enrolment,
    Episode,
    EpisodeEvent,
    GroupMember,
    Notification,
    OutboxState,
    Tick,
    Verdict,
)
from apps.alerts.routing import tree

# Of each kind of row; an episode that fills this is a story of its own.
_MOST: Final = 200
_OF_DELIVERY: Final = "notification_"


@dataclass(frozen=True)
class Step:
    """One thing that happened. `kind` and `what` are words of the code."""

    at: datetime
    kind: str
    what: str
    by: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Why:
    """The whole story. `answer`: told, undelivered, held, waiting, nobody, not_told."""

    episode: Episode
    answer: str
    reason: str
    by: str
    steps: tuple[Step, ...]
    members: tuple[GroupMember, ...]
    routes: tuple[tuple[str, ...], ...]
    ticks: int
    # More happened than is listed.
    cut: bool


def why(episode: Episode) -> Why:
    """Everything about one episode, oldest first. A handful of bounded queries."""
    members = tuple(
        GroupMember.objects.filter(episode=episode)
        .select_related("group__route", "group__receiver", "group__rule")
        .order_by("pk")[:_MOST]
    )
    messages = _messages(episode, members)
    decisions = list(Decision.objects.filter(episode=episode).select_related("group")[:_MOST])
    events = list(_events(episode))
    steps = [
        *events,
        *_joined(members),
        *(_decided(one) for one in decisions),
        *_sent(messages),
        *_capped(episode),
    ]
    answer, reason, by = _answer(episode, decisions, messages)
    ordered = tuple(sorted(steps, key=lambda one: (one.at, _ORDER.get(one.kind, 9))))
    return Why(
        episode, answer, reason, by, ordered, members, _routes(members), _ticks(episode),
        cut=max(len(messages), len(decisions), len(events)) == _MOST,
    )  # fmt: skip


# What stands first where two things happened at one moment, as causes do before effects.
_ORDER: Final = {"event": 0, "group": 1, "decision": 2, "message": 3, "attempt": 4}


def _events(episode: Episode) -> Iterator[Step]:
    events = EpisodeEvent.objects.filter(episode=episode).exclude(kind__startswith=_OF_DELIVERY)
    for event in events.order_by("pk")[:_MOST]:
        detail = dict(event.detail or {})
        yield Step(event.at, "event", event.kind, str(detail.get("by", "")), detail)


def _joined(members: tuple[GroupMember, ...]) -> Iterator[Step]:
    for member in members:
        group = member.group
        name = group.receiver.name if group.receiver else ""
        detail = {"group": str(group.pk), "labels": group.labels, "receiver": name}
        by = group.route.name if group.route else group.rule.name if group.rule else ""
        yield Step(member.joined_at, "group", "joined", by, detail)


def _decided(row: Decision) -> Step:
    detail = {**row.detail, "verdict": row.verdict}
    return Step(row.at, "decision", row.reason, row.by, detail)


def _messages(episode: Episode, members: tuple[GroupMember, ...]) -> list[Notification]:
    """Messages of its own, and those of its groups that told of it."""
    about = Q(episode=episode)
    for member in members:
        if member.told_seq is None:
            continue
        of_group = Q(group=member.group_id, payload__group__seq__gte=member.told_seq)
        if member.cleared_seq is not None:
            of_group &= Q(payload__group__seq__lte=member.cleared_seq)
        about |= of_group
    rows = Notification.objects.filter(about).select_related("channel", "person")
    return list(rows.prefetch_related("attempts").order_by("pk")[:_MOST])


def _sent(messages: list[Notification]) -> Iterator[Step]:
    for row in messages:
        to = row.channel.name if row.channel else ""
        yield Step(
            row.created_at, "message", row.purpose, to,
            {
                "notification": row.pk, "channel_kind": row.kind, "reason": row.reason,
                "state": row.state, "error": row.error, "instead_of": row.fallback_of_id,
                "person": row.person.get_username() if row.person else None,
            },
        )  # fmt: skip
        for attempt in row.attempts.all():
            yield _tried(attempt, row, to)


def _capped(episode: Episode) -> Iterator[Step]:
    """What was over a cap, and is told with others in a digest."""
    rows = DigestEntry.objects.filter(episode=episode).select_related("digest__channel")
    for row in rows.order_by("pk")[:_MOST]:
        detail = {"digest": row.digest_id, "until": row.digest.due_at.isoformat()}
        yield Step(row.at, "message", "capped", row.digest.channel.name, detail)


def _tried(attempt: Attempt, row: Notification, to: str) -> Step:
    return Step(
        attempt.started_at, "attempt", attempt.outcome or "unknown", to,
        {
            "notification": row.pk, "number": attempt.number, "error": attempt.error,
            "status_code": attempt.status_code, "may_repeat": attempt.may_repeat,
            "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
        },
    )  # fmt: skip


def _answer(
    episode: Episode, decisions: list[Decision], messages: list[Notification]
) -> tuple[str, str, str]:
    """In a word: who was told, or else what the last decision says."""
    if messages:
        # What no channel has taken yet has told nobody anything.
        sent = [row for row in messages if row.state == OutboxState.SENT]
        to = sorted({row.channel.name for row in sent or messages if row.channel})
        return "told" if sent else "undelivered", messages[0].reason, ", ".join(to)
    if decisions:
        last = decisions[-1]
        word = {
            Verdict.SUPPRESSED: "held",
            Verdict.UNROUTED: "nobody",
            Verdict.NOTIFIED: "told",
        }.get(Verdict(last.verdict), "not_told")
        return word, last.reason, str(last.detail.get("text") or last.by)
    if episode.state == State.PENDING:
        return "not_told", "pending", ""
    if episode.state in OPEN or Enrolment.objects.filter(episode=episode).exists():
        return "waiting", "first_wait", ""
    return "not_told", "never_fired" if episode.fired_at is None else "unknown", ""


def _routes(members: tuple[GroupMember, ...]) -> tuple[tuple[str, ...], ...]:
    root = tree.load()
    paths = {node.id: node.path for node in root.walk()} if root else {}
    return tuple(
        paths.get(one.group.route_id or 0, (one.group.route.name,) if one.group.route else ())
        for one in members
    )


def _ticks(episode: Episode) -> int:
    """How often the rule was judged while it lasted; ticks are kept for an hour only."""
    if episode.rule_id is None:
        return 0
    ticks = Tick.objects.filter(rule=episode.rule_id, tick__gte=episode.started_at)
    if episode.ended_at is not None:
        ticks = ticks.filter(tick__lte=episode.ended_at)
    return ticks.count()
