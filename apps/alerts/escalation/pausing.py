"""While every alert of an escalation is suppressed it waits, and goes on at the same step after."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from apps.alerts.escalation.rows import note, save
from apps.alerts.models import Episode, Escalation
from apps.alerts.suppression import Kind, judge

# A silence may be ended by hand at any time.
RECHECK_S: Final = 15
# A flapping alert pages, and so escalates, once; what is held has not been told at all yet.
_PAUSES: Final = frozenset(
    {Kind.SILENCED, Kind.MUTED, Kind.INHIBITED, Kind.DEPENDENCY, Kind.ACKNOWLEDGED}
)


def paused(row: Escalation, episodes: Sequence[Episode], now: datetime) -> bool:
    """Whether the step that is due has to wait; notes the beginning and the end of a pause."""
    # A mute window may be of certain routes only.
    route = row.group.route if row.group is not None else None
    verdicts = judge(episodes, now, route=route) if episodes else {}
    reasons = [one for one in verdicts.values() if one is not None and one.kind in _PAUSES]
    if not episodes or len(reasons) < len(episodes):
        if row.paused_since is not None:
            note(row, episodes, "resumed", now, step=row.step)
            save(row, paused_since=None, paused_by="")
        return False
    soon = now + timedelta(seconds=RECHECK_S)
    ends = [one.until for one in reasons if one.until is not None and one.until > now]
    if row.paused_since is None:
        note(row, episodes, "paused", now, step=row.step, by=reasons[0].by, why=reasons[0].text)
    save(
        row, next_at=min([soon, *ends]), paused_since=row.paused_since or now,
        paused_by=reasons[0].text[:500],
    )  # fmt: skip
    return True
