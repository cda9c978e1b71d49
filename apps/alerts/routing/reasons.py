"""Whether a group has anything to say, and why: pure, over sets of episodes.

Alertmanager's `DedupStage.needsUpdate` (notify/dedup_stage.go), with three differences: members
are runs of an alert and not label sets, a rise in severity is news, and what was told and is now
held back neither ends nor stays unsaid once it may be told again.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

Episodes = AbstractSet[UUID]


class Reason(StrEnum):
    """Why a message is sent."""

    FIRST = "first"
    NEW = "new"
    RAISED = "raised"
    UNMUTED = "unmuted"
    RESOLVED = "resolved"
    ALL_RESOLVED = "all_resolved"
    REPEAT = "repeat"


@dataclass(frozen=True)
class Said:
    """What the receiver believes: which episodes fire, which ended; `at`: the last message."""

    firing: Episodes
    at: datetime
    resolved: Episodes = frozenset()


@dataclass(frozen=True)
class Now:
    """What is the case. `firing`: may be told; `hidden`: fires, was told once, is now held back."""

    firing: Episodes
    resolved: Episodes = frozenset()
    hidden: Episodes = frozenset()
    raised: Episodes = frozenset()
    unmuted: Episodes = frozenset()


def why_send(
    said: Said | None, now_is: Now, *, send_resolved: bool, repeat_s: float, now: datetime
) -> Reason | None:
    """The reason to send, None when there is nothing to say. `said` None: never a message."""
    if said is None:
        return Reason.FIRST if now_is.firing else None
    news = _news(said, now_is)
    if news is not None:
        return news
    if not now_is.firing and not now_is.hidden:
        # Also where ends are not told: the log has to forget what no longer fires.
        return Reason.ALL_RESOLVED if said.firing else None
    if send_resolved and now_is.resolved - said.resolved:
        return Reason.RESOLVED
    if now_is.firing and said.at < now - timedelta(seconds=repeat_s):
        return Reason.REPEAT
    return None


def _news(said: Said, now_is: Now) -> Reason | None:
    if now_is.firing - said.firing:
        return Reason.NEW if said.firing else Reason.FIRST
    if now_is.raised & now_is.firing:
        return Reason.RAISED
    return Reason.UNMUTED if now_is.unmuted & now_is.firing else None
