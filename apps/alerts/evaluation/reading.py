"""What a rule sees now."""

from apps.alerts.evaluation import conditions
from apps.alerts.evaluation.observed import (
    Labels,
    Observed,
    RuleError,
    by_fingerprint,
    fingerprint,
)
from apps.alerts.evaluation.sources import FailedSource, Source, StoreSource
from apps.alerts.models.rule import Rule

__all__ = [
    "FailedSource",
    "Labels",
    "Observed",
    "RuleError",
    "Source",
    "StoreSource",
    "fingerprint",
    "read",
]


def read(rule: Rule, source: Source) -> dict[str, Observed]:
    """What the rule sees now, by fingerprint. Empty: no such series.

    Raises RuleError when two series bear one label set, or nothing knows the rule's condition.
    """
    return by_fingerprint(conditions.of(rule).observe(rule, source))
