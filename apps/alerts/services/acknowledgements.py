"""Take an episode, and let it go again."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.alerts import conf, escalation
from apps.alerts.clock import db_now
from apps.alerts.collisions import surely
from apps.alerts.machine import OPEN, RANK, Severity
from apps.alerts.models import Acknowledgement, Episode, EpisodeEvent
from apps.alerts.models.acknowledgement import AckEnd
from apps.alerts.services import taken
from apps.alerts.suppression.rejudging import rejudge
from apps.core.errors import InvalidInputError

SHORTEST_S: Final = 300
LONGEST_S: Final = 4 * 86_400
_AT_ONCE: Final = 500
# Who an acknowledgement's own timer is, in history.
TIMER: Final = "timer"
Test = Callable[[Acknowledgement, datetime], bool]


def acknowledge(
    episodes: Iterable[Episode | UUID], by: str, *, timeout_s: int | None = None, note: str = ""
) -> int:
    """Take open episodes for `by`; how many were taken.

    After `timeout_s` (None: `conf.ACK_TIMEOUT_S`; 0: never) they page again unless they have ended.
    One that is taken already is left as it is, unless a timeout is asked for: then it is renewed.
    Raises InvalidInputError for a timeout that is too short or too long.
    """
    lasting = conf.ACK_TIMEOUT_S if timeout_s is None else timeout_s
    if lasting and not SHORTEST_S <= lasting <= LONGEST_S:
        raise InvalidInputError(
            _("An acknowledgement lasts between %(least)d and %(most)d seconds.")
            % {"least": SHORTEST_S, "most": LONGEST_S},
            {"field": "timeout_s"},
        )
    chosen = _numbers(episodes)
    return surely(lambda: _take(chosen, by, lasting, note[:2000], renew=timeout_s is not None))


def _take(chosen: set[UUID], by: str, lasting: int, note: str, *, renew: bool) -> int:
    locked = _locked(chosen)
    now = db_now()
    until = now + timedelta(seconds=lasting) if lasting else None
    held = _held(locked)
    if renew:
        _end(list(held.values()), AckEnd.REPLACED, by, now)
    else:
        locked = [one for one in locked if one.pk not in held]
    Acknowledgement.objects.bulk_create(
        Acknowledgement(
            episode=one, by=by[:200], at=now, severity=one.severity, note=note, until=until
        )
        for one in locked
    )
    detail = {"by": by, "until": until.isoformat() if until else None, "note": note}
    _tell(locked, "acknowledged", now, detail)
    escalation.acknowledged(locked, now, by=by)
    taken.tell(locked, by)
    return len(locked)


def unacknowledge(
    episodes: Iterable[Episode | UUID],
    by: str,
    *,
    reason: AckEnd = AckEnd.WITHDRAWN,
    only: Test | None = None,
) -> int:
    """Let go of episodes that are taken: they page again; how many there were.

    `only`: asked once more of each acknowledgement when nobody else can change it any longer.
    """
    chosen = _numbers(episodes)
    return surely(lambda: _let_go(chosen, by, reason, only))


def _let_go(chosen: set[UUID], by: str, reason: AckEnd, only: Test | None) -> int:
    locked = _locked(chosen)
    now = db_now()
    held = {row.episode_id: row for row in _held(locked).values() if only is None or only(row, now)}
    if not held:
        return 0
    _end(list(held.values()), reason, by, now)
    free = [one for one in locked if one.pk in held]
    _tell(free, "unacknowledged", now, {"by": by, "reason": str(reason)})
    # Groups before escalations, as a flush takes them.
    rejudge(f"acknowledgement:{row.pk}" for row in held.values())
    escalation.unacknowledged(free, now)
    return len(free)


def expire() -> int:
    """Let go of what is past its time or grew worse, and close what ended; how many were let go.

    Any number may run at once: episodes are locked before what is known of them is read again.
    """
    _close_ended()
    held = Acknowledgement.objects.filter(ended_at=None)
    late = held.filter(until__lte=db_now()).order_by("until")
    worse = held.filter(severity=Severity.WARNING, episode__severity=Severity.CRITICAL)
    return sum(
        unacknowledge(
            list(rows.values_list("episode_id", flat=True)[:_AT_ONCE]), TIMER,
            reason=reason, only=only,
        )
        for rows, reason, only in (
            (late, AckEnd.TIMEOUT, _is_late),
            (worse, AckEnd.RAISED, _is_outgrown),
        )
    )  # fmt: skip


def _is_late(row: Acknowledgement, now: datetime) -> bool:
    return row.until is not None and row.until <= now


def _is_outgrown(row: Acknowledgement, _now: datetime) -> bool:
    return RANK[Severity(row.episode.severity)] > RANK[Severity(row.severity)]


def _close_ended() -> None:
    with transaction.atomic():
        over = list(
            Acknowledgement.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(ended_at=None)
            .exclude(episode__state__in=OPEN)
            .values_list("pk", flat=True)[:_AT_ONCE]
        )
        if over:
            Acknowledgement.objects.filter(pk__in=over).update(
                ended_at=db_now(), end_reason=AckEnd.RESOLVED
            )


def _numbers(episodes: Iterable[Episode | UUID]) -> set[UUID]:
    return {one.pk if isinstance(one, Episode) else one for one in episodes}


def _locked(pks: set[UUID]) -> list[Episode]:
    # In one order, so that two of these cannot deadlock. The lock makes what follows one step: two
    # people who press the button at once take it one after the other.
    rows = Episode.objects.select_for_update(no_key=True).filter(pk__in=pks, state__in=OPEN)
    return list(rows.order_by("pk"))


def _held(locked: list[Episode]) -> dict[UUID, Acknowledgement]:
    rows = Acknowledgement.objects.select_related("episode").filter(
        episode__in=locked, ended_at=None
    )
    return {row.episode_id: row for row in rows}


def _end(rows: list[Acknowledgement], reason: AckEnd, by: str, now: datetime) -> None:
    Acknowledgement.objects.filter(pk__in=[row.pk for row in rows], ended_at=None).update(
        ended_at=now, ended_by=by[:200], end_reason=reason
    )


def _tell(episodes: list[Episode], kind: str, now: datetime, detail: dict[str, Any]) -> None:
    EpisodeEvent.objects.bulk_create(
        EpisodeEvent(episode=one, at=now, kind=kind, detail=detail) for one in episodes
    )
