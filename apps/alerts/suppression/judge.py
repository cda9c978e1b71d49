"""The judge: every reason in its order, the first that applies is the one that is told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError

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
# Alertmanager's order (notify/notify.go), with ours in between: causes before wishes.
_REASONS: Final[tuple[Reason, ...]] = (
    inhibited.found,
    depending.found,
    muted.found,
    silenced.found,
    acknowledged.found,
    flapped.found,
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
    for reason in _REASONS:
        left = [case for case in cases if _open(verdicts[case.episode.pk])]
        if not left:
            break
        for pk, verdict in _found(reason, Hearing(left, at, route)).items():
            if verdict.kind is not Kind.HELD or verdicts[pk] is None:
                verdicts[pk] = verdict
    return verdicts


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
