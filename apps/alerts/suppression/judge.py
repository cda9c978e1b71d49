"""The judge: every reason in its order, the first that applies is the one that is told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from apps.alerts.suppression import acknowledged, silenced
from apps.alerts.suppression.verdict import Case, Hearing, Suppression

if TYPE_CHECKING:
    from apps.alerts.models import Episode

Reason = Callable[[Hearing], dict[UUID, Suppression]]
# Alertmanager's order (notify/notify.go), with ours in between: causes before wishes.
_REASONS: Final[tuple[Reason, ...]] = (
    silenced.found,
    acknowledged.found,
)


def judge(
    episodes: "Sequence[Episode]", at: datetime, *, route: Any = None
) -> "dict[UUID, Suppression | None]":
    """Why each episode must not page now, or None: it may.

    `at` is the one moment of the whole flush, by the database's clock. `route`: the route they are
    flushed on, for its mute windows. A handful of statements however many episodes there are.
    """
    verdicts: dict[UUID, Suppression | None] = {one.pk: None for one in episodes}
    left = [Case(one) for one in episodes]
    for reason in _REASONS:
        if not left:
            break
        verdicts.update(reason(Hearing(left, at, route)))
        left = [case for case in left if verdicts[case.episode.pk] is None]
    return verdicts
