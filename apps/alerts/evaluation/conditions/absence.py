"""Silence of what used to report."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions.base import ConfigError, RuleCondition, setting
from apps.alerts.evaluation.memory import Memory
from apps.alerts.evaluation.observed import Labels, Observed, fingerprint
from apps.monitoring.queries.series import SeriesQuery

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule


@dataclass(frozen=True)
class Absence(RuleCondition, kind="absence", label=_("Absence")):
    """Every label set that was ever seen is expected; the value is for how many seconds it has
    been silent.

    What stays silent longer than `forget_after_s` is no longer expected, and its alert ends.
    """

    forget_after_s: int = setting(
        7 * 86_400,
        _("Forget what has been silent for (s)"),
        least=300,
        most=90 * 86_400,
        help=_("From then on the series is no longer expected and its alert ends."),
    )

    unused = ("aggregation", "numerator_scope", "remainder_scope", "min_samples", "no_data")

    def check(self, rule: "Rule") -> None:
        """Thresholds are seconds of silence, shorter than what is forgotten."""
        if rule.direction != "above":
            raise ConfigError("direction", _("Silence is judged above its threshold."))
        given = [v for v in (rule.warning, rule.critical) if v is not None]
        if any(value >= self.forget_after_s for value in given):
            raise ConfigError(
                "forget_after_s", _("A series would be forgotten before its silence is an alert.")
            )
        if any(value < rule.interval_s for value in given):
            raise ConfigError(
                "warning", _("The thresholds are seconds of silence, at least one interval.")
            )

    def lookback_s(self, rule: "Rule") -> float:  # noqa: ARG002
        """A day: as the store, it then knows what is expected."""
        return 86_400.0

    def unit(self, rule: "Rule", source: "Source") -> str:  # noqa: ARG002
        """Silence is measured in seconds."""
        return "s"

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """The silence of every label set expected."""
        now = source.now()
        known = source.recall(rule)
        changed: dict[str, Memory] = {}
        query = SeriesQuery(rule.metric, "count", rule.scope, tuple(rule.by))
        for item in source.latest(query, rule.window_s):
            labels = {**rule.scope, **item.labels}
            # Alive within a day but not in the window: silent at least that long.
            at = item.at or now - timedelta(seconds=rule.window_s)
            self._note(known, changed, labels, min(at, now), now, rule.window_s)
        gone = [
            key
            for key, one in known.items()
            if (now - one.last_seen).total_seconds() > self.forget_after_s
        ]
        if changed or gone:
            source.remember(rule, changed, gone)
        return [
            Observed(
                one.labels,
                max(0.0, (now - one.last_seen).total_seconds()),
                facts={"last_seen": one.last_seen.isoformat()},
            )
            for key, one in known.items()
            if key not in gone
        ]

    def _note(
        self, known: dict[str, Memory], changed: dict[str, Memory], labels: Labels, at: datetime,
        now: datetime, window_s: float,
    ) -> None:  # fmt: skip
        key = fingerprint(labels)
        one = known.get(key)
        if one is None:
            known[key] = changed[key] = Memory(labels, at, at)
            return
        if at <= one.last_seen:
            return
        # Not every evaluation writes every series: only before its newest point leaves the window.
        half = timedelta(seconds=window_s / 2)
        if at - one.last_seen > half or now - at > half:
            changed[key] = one
        one.last_seen = at
