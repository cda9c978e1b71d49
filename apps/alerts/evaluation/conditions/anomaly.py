"""A figure far from what its own past makes likely.

The baseline is the median of the past, its width the median absolute deviation times 1.4826 (which
for normal noise is the standard deviation; Rousseeuw and Croux, 1993). Both stand against half of
the past being odd itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions import baselines, events
from apps.alerts.evaluation.conditions.base import ConfigError, RuleCondition, setting
from apps.alerts.evaluation.memory import Memory
from apps.alerts.evaluation.observed import Observed, fingerprint
from apps.alerts.machine import Severity

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

_BOTH, _ABOVE, _BELOW = "both", "above", "below"


@dataclass(frozen=True)
class Anomaly(RuleCondition, kind="anomaly", label=_("Anomaly")):
    """Thresholds are deviations from the baseline, in widths of its band (robust standard
    deviations).

    Nothing fires without a stored baseline, and the baseline is shown: `expected`, `low`, `high`,
    `deviation`, and from how many figures of which time it comes.
    """

    season: str = setting(
        "week",
        _("Compared with"),
        choices=(
            ("week", _("this hour in the last four weeks, where there are any")),
            ("none", _("the last six hours")),
        ),
    )
    side: str = setting(
        _BOTH,
        _("Odd when"),
        choices=((_BOTH, _("higher or lower")), (_ABOVE, _("higher")), (_BELOW, _("lower"))),
    )
    fewest: int = setting(12, _("Fewest figures for a baseline"), least=5, most=1000)
    least_percent: float = setting(
        10.0,
        _("Smallest difference (%)"),
        least=0,
        most=1000,
        help=_("A figure closer to what is expected is never odd, however steady the past was."),
    )

    unused = ("direction", "warning_inclusive", "critical_inclusive")
    remembered_by = (
        *RuleCondition.remembered_by, "config", "aggregation", "window_s", "numerator_scope",
        "remainder_scope", "min_samples",
    )  # fmt: skip

    def check(self, rule: "Rule") -> None:
        """Deviations are positive; the side is a setting of its own."""
        rule.direction = "above"
        given = [v for v in (rule.warning, rule.critical) if v is not None]
        if any(value < 1 for value in given):
            raise ConfigError(
                "warning", _("The thresholds are deviations in widths of the band, at least 1.")
            )

    def lookback_s(self, rule: "Rule") -> float:
        """As far as its baselines."""
        return baselines.reach_s(season=self.season == "week") + rule.window_s

    def unit(self, rule: "Rule", source: "Source") -> str:
        """That of the metric: value and band are figures, only their distance is a deviation."""
        return "1" if rule.aggregation == events.RATIO else super().unit(rule, source)

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """Every series with its distance from its own baseline."""
        now = source.now()
        found = events.figures(rule, source)
        known = source.recall(rule)
        needed = [
            one
            for one in found
            if one.value is not None
            and not baselines.is_fresh(known.get(fingerprint(one.labels)), now)
        ]
        if needed:
            self._learn(rule, source, needed, known, now)
        return [self._judged(rule, one, known.get(fingerprint(one.labels))) for one in found]

    def _learn(
        self, rule: "Rule", source: "Source", needed: list[Observed], known: dict[str, Memory],
        now: datetime,
    ) -> None:  # fmt: skip
        """Bring the baselines of the series needed up to date, and store them."""
        wanted = {fingerprint(one.labels): one.labels for one in needed}
        learnt = baselines.learn(
            rule, source, wanted, season=self.season == "week", fewest=self.fewest, now=now
        )
        changed = {}
        for key, labels in wanted.items():
            first = known[key].first_seen if key in known else now
            changed[key] = known[key] = Memory(labels, first, now, learnt[key])
        gone = [key for key, one in known.items() if baselines.is_old(one, now)]
        source.remember(rule, changed, gone)

    def _judged(self, rule: "Rule", one: Observed, memory: Memory | None) -> Observed:
        if one.value is None or memory is None:
            return Observed(one.labels, None)
        base = memory.facts
        if base.get("expected") is None:
            held = f"no baseline yet: {base.get('samples', 0)} figures of {self.fewest}"
            facts = {**base, "held": held}
            return Observed(one.labels, one.value, decided=True, facts=facts)
        expected, width = base["expected"], base["width"]
        distance = one.value - expected
        facts = {
            **base,
            "deviation": round(distance / width, 2),
            "low": expected - width * self._least(rule),
            "high": expected + width * self._least(rule),
        }
        sign = 1 if distance >= 0 else -1
        limits = {
            severity: expected + sign * width * threshold
            for severity in Severity
            if (threshold := rule.thresholds.of(severity)) is not None
        }
        return Observed(
            one.labels, one.value, score=self._score(base, distance), limits=limits, facts=facts
        )

    def _score(self, base: dict[str, Any], distance: float) -> float:
        odd_side: float = {_BOTH: abs(distance), _ABOVE: distance, _BELOW: -distance}[self.side]
        if abs(distance) < abs(base["expected"]) * self.least_percent / 100:
            return 0.0
        width: float = base["width"]
        return max(0.0, odd_side / width)

    def _least(self, rule: "Rule") -> float:
        return min(v for v in (rule.warning, rule.critical) if v is not None)
