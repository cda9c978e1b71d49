"""Groups of lines or spans that were seen: without any, their count is a true zero."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from apps.alerts.evaluation.memory import Memory
from apps.alerts.evaluation.observed import Observed, fingerprint
from apps.monitoring.queries.series import Latest

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

# Groups nothing was seen of for a day end as missing.
_EXPECTED: Final = timedelta(days=1)
_WRITE_EACH: Final = timedelta(hours=1)


def observed(
    rule: "Rule", source: "Source", found: Sequence[Latest], silent: float | None
) -> list[Observed]:
    """The figures found, and `silent` for every group seen within a day that has none now.

    An alert over counts would else never end: nothing is left to say that it is over.
    """
    seen = [Observed({**rule.scope, **item.labels}, item.value) for item in found]
    if not rule.by:
        return seen
    now = source.now()
    known = source.recall(rule)
    here = {fingerprint(one.labels): one for one in seen}
    changed = {
        key: Memory(one.labels, known[key].first_seen if key in known else now, now)
        for key, one in here.items()
        if key not in known or now - known[key].last_seen > _WRITE_EACH
    }
    gone = [
        key for key, one in known.items() if now - one.last_seen > _EXPECTED and key not in here
    ]
    if changed or gone:
        source.remember(rule, changed, gone)
    quiet = [key for key in known if key not in here and key not in gone]
    return [*seen, *(Observed(known[key].labels, silent) for key in quiet)]
