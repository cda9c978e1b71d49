"""When an alert flaps: no clock, no database.

Nagios' curve (`base/flapping.c`, `include/objects.h`): 21 states make 20 possible changes; the
newest weighs 1.25, the oldest 0.75; at 30 % of what there could be flapping starts, at 20 % it
stops. The curve looks at checks and never sees an alert that changes every fourth check or slower;
so six changes within an hour start it too, and it stops only when both are quiet.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

CHECKS: Final = 20
START_PERCENT: Final = 30.0
STOP_PERCENT: Final = 20.0
CHANGES_PER_HOUR: Final = 6
HOUR: Final = timedelta(hours=1)
_ALL: Final = (1 << CHECKS) - 1
# _WEIGHTS[0] is the newest change's.
_WEIGHTS: Final = tuple(0.75 + (x - 1) * 0.5 / 19 for x in range(CHECKS, 0, -1))


@dataclass(frozen=True, slots=True)
class History:
    """What is kept of an alert. Bit n of `changed`: the state changed n checks ago."""

    changed: int = 0
    firing: bool = False
    flapping: bool = False
    changes: tuple[datetime, ...] = ()
    seen_at: datetime | None = None

    @property
    def percent(self) -> float:
        """How much of all possible change there was, weighted by age; 0 to 100."""
        weight = sum(w for n, w in enumerate(_WEIGHTS) if self.changed >> n & 1)
        return weight * 100 / CHECKS

    def observe(self, *, firing: bool, at: datetime, checks: int = 1) -> "History":
        """One check: `checks` of them passed since the last that was observed, all unchanged.

        A check not after the last one adds nothing to the curve.
        """
        turned = firing is not self.firing
        changed = self.changed << min(max(checks, 0), CHECKS) & _ALL
        if turned:
            changed |= 1
        recent = tuple(one for one in self.changes if at - one < HOUR)
        if turned:
            recent = (*recent, at)[-CHECKS:]
        seen = replace(self, changed=changed, firing=firing, changes=recent, seen_at=at)
        return replace(seen, flapping=seen._flaps())

    def _flaps(self) -> bool:
        percent, often = self.percent, len(self.changes) >= CHANGES_PER_HOUR
        if percent >= START_PERCENT or often:
            return True
        if percent <= STOP_PERCENT:
            return False
        return self.flapping
