"""The judge: every reason in its order, the first that applies is the one that is told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, connection

from apps.alerts.suppression import (
    acknowledged,
    depending,
    flapped,
    inhibited,
    muted,
    silenced,
)
from apps.alerts.suppression.verdict import Case, Hearing, Kind, Suppression

if TYPE_CHECKING:
    from apps.alerts.models import Episode

log = structlog.get_logger(__name__)
Reason = Callable[[Hearing], dict[UUID, Suppression]]
# Alertmanager's order (notify/notify.go), with ours in between: causes before wishes. Beside each
# what there has to be for it to find anything; mostly there is not, and one statement says so.
_REASONS: Final[tuple[tuple[Reason, str], ...]] = (
    (inhibited.found, "SELECT FROM alerts_inhibition WHERE enabled"),
    (depending.found, "SELECT FROM alerts_dependency WHERE enabled"),
    (muted.found, "SELECT FROM alerts_mutewindow WHERE enabled"),
    (silenced.found, "SELECT FROM alerts_silence WHERE starts_at <= %(at)s AND ends_at > %(at)s"),
    (
        acknowledged.found,
        "SELECT FROM alerts_acknowledgement WHERE episode_id = ANY(%(ids)s) AND ended_at IS NULL",
    ),
    (
        flapped.found,
        "SELECT FROM alerts_flap WHERE episode_id = ANY(%(ids)s) AND flapping AND told",
    ),
)


def judge(
    episodes: "Sequence[Episode]", at: datetime, *, route: Any = None
) -> "dict[UUID, Suppression | None]":
    """Why each episode must not page now, or None: it may.

    `at` is the one moment of the whole flush, by the database's clock. `route`: the route they are
    flushed on, for its mute windows. A handful of statements however many episodes there are.
    """
    verdicts: dict[UUID, Suppression | None] = {one.pk: None for one in episodes}
    cases = [Case(one) for one in episodes]
    for reason in _possible(list(verdicts), at):
        left = [case for case in cases if _open(verdicts[case.episode.pk])]
        if not left:
            break
        for pk, verdict in _found(reason, Hearing(left, at, route)).items():
            if verdict.kind is not Kind.HELD or verdicts[pk] is None:
                verdicts[pk] = verdict
    return verdicts


def _possible(ids: list[UUID], at: datetime) -> list[Reason]:
    if not ids:
        return []
    asked = ", ".join(f"EXISTS ({there})" for _, there in _REASONS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", {"ids": ids, "at": at})
        answers = cursor.fetchone()
    return [reason for (reason, _), there in zip(_REASONS, answers, strict=True) if there]


def _found(reason: Reason, hearing: Hearing) -> dict[UUID, Suppression]:
    """What a reason holds back. One that fails holds nothing: rather a page too many."""
    try:
        return reason(hearing)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        log.exception("suppression_failed", reason=reason.__module__.rpartition(".")[2])
        return {}


def _open(verdict: Suppression | None) -> bool:
    # To wait a few seconds is the weakest reason: any other that applies is told instead.
    return verdict is None or verdict.kind is Kind.HELD
