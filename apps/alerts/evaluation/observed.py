"""What one evaluation of a rule saw, and what the state machine is told of it."""

import hashlib
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from apps.alerts.machine import Condition, Result, Severity, State

if TYPE_CHECKING:
    from apps.alerts.models.rule import Rule

Labels = Mapping[str, str]


class RuleError(Exception):
    """The rule itself cannot be judged, whatever the data."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One series of a rule; `value` None: it exists but says nothing in this window.

    `score` is what the thresholds judge where that is not the value itself (an anomaly's
    deviation). `decided`: the condition judged by itself, and `verdict` is what it found. `limits`
    are the thresholds in the unit of the value, where they are not the rule's own. `facts` tell
    what the verdict rests on (a baseline, a budget); they stand in the episode and the message.
    """

    labels: Labels
    value: float | None
    score: float | None = None
    decided: bool = False
    verdict: Severity | None = None
    limits: Mapping[Severity, float] = field(default_factory=dict)
    facts: Mapping[str, Any] | None = None

    @property
    def held(self) -> str:
        """Why this series was not judged although it has a value; "" when it was."""
        return str((self.facts or {}).get("held", ""))

    def severity(self, rule: "Rule", condition: Condition | None = None) -> Severity | None:
        """What it amounts to. A severity that fires already holds down to its clear value."""
        if self.value is None or self.decided:
            return self.verdict
        fires = condition is not None and condition.state is State.FIRING
        current = condition.severity if condition is not None and fires else None
        judged = self.value if self.score is None else self.score
        return rule.thresholds.severity(judged, current)

    def limit(self, rule: "Rule", severity: Severity) -> float | None:
        """The threshold in force for a severity."""
        return self.limits.get(severity, rule.thresholds.of(severity))


def fingerprint(labels: Labels) -> str:
    """The identity of a label set, whatever its order."""
    return hashlib.sha256(orjson.dumps(dict(labels), option=orjson.OPT_SORT_KEYS)).hexdigest()


def by_fingerprint(found: list[Observed]) -> dict[str, Observed]:
    """Series by identity. Raises RuleError when two bear one label set: either could hide the
    other."""
    observed: dict[str, Observed] = {}
    for one in found:
        key = fingerprint(one.labels)
        if key in observed:
            raise RuleError(f"Two series have the labels {dict(one.labels)}.")
        observed[key] = replace(one, value=sane(one.value))
    return observed


def sane(value: float | None) -> float | None:
    """A figure that compares and that JSON can hold."""
    # NaN compares false with everything and would pass for "not in breach"; infinity is a breach
    # like any other, but JSON cannot hold it.
    if value is None or math.isnan(value):
        return None
    return max(-sys.float_info.max, min(sys.float_info.max, value))


def is_silent(series: Mapping[str, Observed]) -> bool:
    """Whether nothing said anything."""
    return all(one.value is None for one in series.values())


def silent_key(rule: "Rule") -> str:
    """The instance that stands for a rule nothing has ever reported to."""
    return fingerprint(rule.scope)


def result_of(
    rule: "Rule", series: Mapping[str, Observed], key: str, severity: Severity | None
) -> Result:
    """What the state machine of one instance is told; `severity` is what its series amounts to."""
    if is_silent(series):
        return Result.NODATA
    if severity is not None:
        return Result.BREACH
    one = series.get(key)
    if one is None and rule.by and key == silent_key(rule):
        # The alert said that nothing reports at all, and something does again.
        return Result.OK
    return Result.MISSING if one is None or one.value is None else Result.OK


def notes_of(series: Mapping[str, Observed]) -> str:
    """What the rule has to say of what it held back; "" for nothing."""
    held = [one for one in series.values() if one.held]
    if not held:
        return ""
    more = f" (and {len(held) - 1} more series)" if len(held) > 1 else ""
    return f"Held: {held[0].held}{more}"[:500]
