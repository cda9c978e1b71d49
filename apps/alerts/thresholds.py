"""A rule's thresholds: which severity a value amounts to."""

import math
from dataclasses import dataclass

from apps.alerts.machine import Severity


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of one rule; None: this severity is not judged.

    A value at the threshold itself is no breach, unless `critical_inclusive` (the "≥ 90 %" of the
    built-in rules) says so for critical.
    """

    above: bool
    warning: float | None
    critical: float | None
    critical_inclusive: bool = False

    def severity(self, value: float) -> Severity | None:
        """The severity of this value; None when it breaches nothing. Never called with NaN."""
        if self._beyond(value, self.critical, inclusive=self.critical_inclusive):
            return Severity.CRITICAL
        return Severity.WARNING if self._beyond(value, self.warning, inclusive=False) else None

    def of(self, severity: Severity) -> float | None:
        """The threshold in force for a severity; a critical-only rule has no other."""
        if severity is Severity.CRITICAL or self.warning is None:
            return self.critical if self.critical is not None else self.warning
        return self.warning

    def worse(self, one: float | None, other: float) -> float:
        """The worse of two values in the direction of this rule."""
        if one is None:
            return other
        return max(one, other) if self.above else min(one, other)

    def problem(self) -> str | None:
        """Why these thresholds make no sense; None when they do."""
        given = [value for value in (self.warning, self.critical) if value is not None]
        if not given:
            return "Give a warning threshold, a critical threshold, or both."
        if not all(math.isfinite(value) for value in given):
            return "Thresholds are finite numbers."
        if len(given) == 2 and self.warning != self.critical:
            in_order = (given[0] < given[1]) == self.above
            if not in_order:
                side = "above" if self.above else "below"
                return f"With direction {side}, critical lies {side} warning."
        return None

    def _beyond(self, value: float, threshold: float | None, *, inclusive: bool) -> bool:
        if threshold is None:
            return False
        if inclusive and value == threshold:
            return True
        return value > threshold if self.above else value < threshold
