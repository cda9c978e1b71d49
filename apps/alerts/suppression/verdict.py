"""Why an alert does not page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from apps.alerts import conf
from apps.alerts.matchers import labels_of

if TYPE_CHECKING:
    from apps.alerts.models import Episode


class Kind(StrEnum):
    """What suppresses."""

    INHIBITED = "inhibited"
    DEPENDENCY = "dependency"
    MUTED = "muted"
    SILENCED = "silenced"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One reason. `by` names the cause for programs (`silence:<id>`), `text` for people.

    `until` is when it is over for certain if nothing changes; None: unknown.
    """

    kind: Kind
    by: str
    text: str
    until: datetime | None = None


@dataclass
class Case:
    """An episode before the judge, with what matchers see of it."""

    episode: "Episode"
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labels = labels_of(self.episode)


@dataclass(frozen=True)
class Hearing:
    """All that one judgement may look at: the cases still open, the moment, and the route."""

    cases: Sequence[Case]
    at: datetime
    route: Any = None


def hold_until(hearing: Hearing, case: Case) -> datetime | None:
    """Until when a first page may wait for what could explain it; None: no longer.

    Alertmanager decides at once and pages for what is explained a second later (alertmanager#2229).
    """
    wait_s = getattr(hearing.route, "group_wait_s", None)
    since = case.episode.fired_at or hearing.at
    until = since + timedelta(seconds=conf.HOLD_S if wait_s is None else wait_s)
    return until if hearing.at < until else None
