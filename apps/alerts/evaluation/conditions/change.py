"""How much a figure changed against the window before."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions import events
from apps.alerts.evaluation.conditions.base import RuleCondition, setting
from apps.alerts.evaluation.observed import Observed, fingerprint

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

_ABSOLUTE, _PERCENT, _POINTS = "absolute", "percent", "points"


@dataclass(frozen=True)
class Change(RuleCondition, kind="change", label=_("Rate of change")):
    """The rule's figure less that of the preceding window.

    `percent` is relative to the former figure, `points` are percentage points of a share. A series
    without a figure in either window, or in percent with a former figure of 0, has no change.
    """

    of: str = setting(
        _PERCENT,
        _("Change in"),
        choices=(
            (_PERCENT, _("percent of the former figure")),
            (_ABSOLUTE, _("the metric's own unit")),
            (_POINTS, _("percentage points of a share")),
        ),
    )
    ago_s: int = setting(
        0,
        _("Compared with the window that ended so many seconds ago"),
        least=0,
        most=28 * 86_400,
        help=_("0: the window just before."),
    )

    def lookback_s(self, rule: "Rule") -> float:
        """Both windows."""
        return float((self.ago_s or rule.window_s) + rule.window_s)

    def unit(self, rule: "Rule", source: "Source") -> str:
        """Percent for both shares, else the metric's."""
        if self.of == _ABSOLUTE:
            return "1" if rule.aggregation == events.RATIO else super().unit(rule, source)
        return "%"

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """The change of every series that has a figure now."""
        ago_s = self.ago_s or rule.window_s
        former = events.counts(events.figures(rule, source, ago_s=ago_s))
        found = []
        for one in events.figures(rule, source):
            before = former.get(fingerprint(one.labels))
            change = self._change(before, one.value)
            facts = None if change is None else {"now": one.value, "before": before}
            found.append(Observed(one.labels, change, facts=facts))
        return found

    def _change(self, before: float | None, now: float | None) -> float | None:
        if before is None or now is None:
            return None
        if self.of == _PERCENT:
            return None if before == 0 else (now - before) / abs(before) * 100
        return (now - before) * (100 if self.of == _POINTS else 1)
