"""The kinds of condition a rule may have. One module for each; importing it registers it."""

from typing import TYPE_CHECKING

from apps.alerts.evaluation.conditions import (  # noqa: F401 (they register)
    absence,
    anomaly,
    burn,
    change,
    lines,
    spans,
    threshold,
)
from apps.alerts.evaluation.conditions.base import (
    CONDITIONS,
    ConfigError,
    RuleCondition,
    Setting,
)

if TYPE_CHECKING:
    from apps.alerts.models.rule import Rule

__all__ = ["CONDITIONS", "ConfigError", "RuleCondition", "Setting", "of", "prepare"]


def of(rule: "Rule") -> RuleCondition:
    """The condition of a rule. Raises ConfigError: nothing knows its kind, or its configuration
    makes no sense (a rule that went by the checks at save)."""
    kind = CONDITIONS.get(rule.condition)
    if kind is None:
        there = ", ".join(CONDITIONS)
        raise ConfigError("condition", f"There is no condition {rule.condition!r}; one of {there}.")
    return kind.parse(rule.config)


def prepare(rule: "Rule") -> None:
    """Check the condition of an unsaved change and fill in what follows from it.

    Raises ConfigError.
    """
    condition = of(rule)
    if condition.stands_for:
        rule.metric = condition.stands_for
        rule.aggregation, rule.numerator_scope, rule.remainder_scope = "count", {}, {}
    condition.check(rule)
    rule.config = condition.config()
