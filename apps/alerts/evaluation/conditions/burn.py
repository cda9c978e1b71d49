"""How fast an objective's error budget burns: two windows, several rates at once.

Pairs of windows from sloth's google-30d.yaml, which cites https://sre.google/workbook/alerting-on-slos:
burn = share of the budget × period / long window. A pair fires when its long *and* its short window
burn faster; the short one ends the alert soon after the trouble.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions import events
from apps.alerts.evaluation.conditions.base import ConfigError, RuleCondition, setting
from apps.alerts.evaluation.observed import Labels, Observed, fingerprint
from apps.alerts.machine import RANK, Severity

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

_DAY_S: Final = 86_400


@dataclass(frozen=True)
class Pair:
    """A long window and a short one that together spend `share` of the budget."""

    severity: Severity
    share: float
    long_s: int
    short_s: int

    def burn(self, period_s: float) -> float:
        """The rate at which the share is spent within the long window."""
        return self.share * period_s / self.long_s


PAIRS: Final = (
    Pair(Severity.CRITICAL, 0.02, 3600, 300),
    Pair(Severity.CRITICAL, 0.05, 6 * 3600, 1800),
    Pair(Severity.WARNING, 0.10, _DAY_S, 7200),
    Pair(Severity.WARNING, 0.10, 3 * _DAY_S, 6 * 3600),
)


@dataclass(frozen=True)
class Counted:
    """All events and bad ones of one series in one window."""

    all: float = 0.0
    bad: float = 0.0

    def burn(self, budget: float) -> float | None:
        """Times the budgeted share of bad events; None without events."""
        return self.bad / self.all / budget if self.all > 0 else None


@dataclass(frozen=True)
class Burn(RuleCondition, kind="burn", label=_("SLO burn rate")):
    """Bad events are those of the numerator scope; what is judged is the burn rate.

    The thresholds are those of the pairs: critical by 1 h / 5 min and 6 h / 30 min, warning by
    1 d / 2 h and 3 d / 6 h. One series has one alert with its worst pair, so that a higher pair
    inhibits the lower.
    """

    objective: float = setting(0.999, _("Share of good events promised"), least=0.5, most=0.999999)
    period_d: int = setting(30, _("Period of the objective (days)"), least=7, most=90)
    fewest_events: int = setting(
        100, _("Fewest events in the long window"), least=1, most=1_000_000
    )
    fewest_bad: int = setting(10, _("Fewest bad events in the long window"), least=1, most=100_000)

    unused = (
        "aggregation", "window_s", "min_samples", "direction", "clear_warning", "clear_critical",
        "warning_inclusive", "critical_inclusive",
    )  # fmt: skip

    def check(self, rule: "Rule") -> None:
        """Bad events need a scope; the thresholds follow from the pairs."""
        if not rule.numerator_scope:
            raise ConfigError("numerator_scope", _("Say which events are bad: a numerator scope."))
        rule.aggregation, rule.direction = events.RATIO, "above"
        rule.clear_warning = rule.clear_critical = None
        neither = rule.warning is None and rule.critical is None
        for severity in Severity:
            if neither or getattr(rule, severity) is not None:
                lowest = min(p.burn(self._period_s) for p in PAIRS if p.severity is severity)
                setattr(rule, severity, lowest)

    @property
    def _period_s(self) -> float:
        return self.period_d * _DAY_S

    def lookback_s(self, rule: "Rule") -> float:  # noqa: ARG002
        """The whole period: what is left of its budget is told."""
        return self._period_s

    def step_s(self, rule: "Rule") -> int:  # noqa: ARG002
        """The shortest of its windows."""
        return min(pair.short_s for pair in PAIRS)

    def unit(self, rule: "Rule", source: "Source") -> str:  # noqa: ARG002
        """Times the rate that spends the budget exactly within its period."""
        return "×"

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """The burn of every series, its worst pair, what is left and how long it lasts."""
        pairs = [pair for pair in PAIRS if getattr(rule, pair.severity) is not None]
        windows = sorted({w for pair in pairs for w in (pair.long_s, pair.short_s)})
        counted = {w: self._count(rule, source, w) for w in (*windows, round(self._period_s))}
        names: dict[str, Labels] = {}
        for labels, _counts in counted.values():
            names |= labels
        figures = {w: counts for w, (_labels, counts) in counted.items()}
        return [
            self._judged(labels, pairs, {w: f.get(key, Counted()) for w, f in figures.items()})
            for key, labels in names.items()
        ]

    def _count(
        self, rule: "Rule", source: "Source", window_s: float
    ) -> tuple[dict[str, Labels], dict[str, Counted]]:
        whole = events.events(rule, source, {}, window_s)
        totals = events.counts(whole)
        bad = events.counts(events.events(rule, source, rule.numerator_scope, window_s))
        if rule.remainder_scope:
            rest = events.counts(events.events(rule, source, rule.remainder_scope, window_s))
            totals = {key: rest.get(key, 0.0) + bad.get(key, 0.0) for key in {*rest, *bad}}
        labels = {fingerprint(one.labels): one.labels for one in whole}
        return labels, {key: Counted(n, bad.get(key, 0.0)) for key, n in totals.items()}

    def _judged(
        self, labels: Labels, pairs: list[Pair], windows: Mapping[int, Counted]
    ) -> Observed:
        budget = 1 - self.objective
        burning, shown, held = None, pairs[0], ""
        for pair in pairs:
            long, short = windows[pair.long_s], windows[pair.short_s]
            rates = (long.burn(budget), short.burn(budget))
            if not all(rate is not None and rate > pair.burn(self._period_s) for rate in rates):
                continue
            if long.all < self.fewest_events or long.bad < self.fewest_bad:
                held = held or self._held(pair, long)
            elif burning is None or RANK[pair.severity] > RANK[burning.severity]:
                burning = shown = pair
        long = windows[shown.long_s]
        facts = self._facts(shown, windows) | ({"held": held} if held and not burning else {})
        return Observed(
            labels,
            long.burn(budget),
            decided=True,
            verdict=burning.severity if burning else None,
            limits={shown.severity: shown.burn(self._period_s)},
            facts=facts,
        )

    def _held(self, pair: Pair, long: Counted) -> str:
        return (
            f"burns its budget, but on {long.bad:.0f} bad of {long.all:.0f} events in"
            f" {pair.long_s // 60} min; judged from {self.fewest_bad} bad of {self.fewest_events}"
        )

    def _facts(self, pair: Pair, windows: Mapping[int, Counted]) -> dict[str, Any]:
        budget = 1 - self.objective
        period = windows[round(self._period_s)]
        spent = period.burn(budget)
        left = None if spent is None else 1 - spent
        rate = windows[pair.long_s].burn(budget)
        lasts = left is not None and left > 0 and rate is not None and rate > 0
        return {
            "objective": self.objective,
            "long_s": pair.long_s,
            "short_s": pair.short_s,
            "burn_long": rate,
            "burn_short": windows[pair.short_s].burn(budget),
            "events": windows[pair.long_s].all,
            "bad": windows[pair.long_s].bad,
            "budget_left": left,
            "exhausted_in_s": left * self._period_s / rate if lasts and left and rate else None,
        }
