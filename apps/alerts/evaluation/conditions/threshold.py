"""A figure on the wrong side of a threshold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions import events
from apps.alerts.evaluation.conditions.base import RuleCondition
from apps.alerts.evaluation.observed import Observed

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule


@dataclass(frozen=True)
class Threshold(RuleCondition, kind="threshold", label=_("Threshold")):
    """The rule's figure itself is judged."""

    def unit(self, rule: "Rule", source: "Source") -> str:
        """A ratio has no unit of the metric whose events it counts."""
        return "1" if rule.aggregation == events.RATIO else super().unit(rule, source)

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """Every series over the rule's window."""
        return events.figures(rule, source)
