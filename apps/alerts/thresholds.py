"""A rule's thresholds: which severity a value amounts to."""

import math
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.alerts.machine import Severity


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of one rule; None: this severity is not judged.

    A value at the threshold itself is no breach, unless `critical_inclusive` (the "≥ 90 %" of the
    built-in rules) or `warning_inclusive` says so. A clear value holds a severity once it fires
    until the value comes back to the clear value or beyond it: a value that swings around its
    threshold is one alert. None: the threshold itself clears.
    """

    above: bool
    warning: float | None
    critical: float | None
    critical_inclusive: bool = False
    clear_warning: float | None = None
    clear_critical: float | None = None
    warning_inclusive: bool = False

    def severity(self, value: float, current: Severity | None = None) -> Severity | None:
        """The severity of this value; None when it breaches nothing. Never called with NaN.

        `current` is the severity this alert fires with now; None while it does not fire.
        """
        if self._is_critical(value, holds=current is Severity.CRITICAL):
            return Severity.CRITICAL
        return Severity.WARNING if self._is_warning(value, holds=current is not None) else None

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
        """Why these thresholds make no sense, in the language of the reader; None when they do."""
        given = [value for value in (self.warning, self.critical) if value is not None]
        if not given:
            return _("Give a warning threshold, a critical threshold, or both.")
        clears = [value for value in (self.clear_warning, self.clear_critical) if value is not None]
        if not all(math.isfinite(value) for value in (*given, *clears)):
            return _("Thresholds are finite numbers.")
        if len(given) == 2 and self.warning != self.critical:
            in_order = (given[0] < given[1]) == self.above
            if not in_order:
                if self.above:
                    return _("With direction above, critical lies above warning.")
                return _("With direction below, critical lies below warning.")
        return self._clear_problem("warning", self.warning, self.clear_warning) or (
            self._clear_problem("critical", self.critical, self.clear_critical)
        )

    def _clear_problem(self, name: str, trigger: float | None, clear: float | None) -> str | None:
        if clear is None:
            return None
        if trigger is None:
            if name == "warning":
                return _("A clear value for warning needs a warning threshold.")
            return _("A clear value for critical needs a critical threshold.")
        if clear > trigger if self.above else clear < trigger:
            # Such an alert would end while its value is still in breach, and fire again at once.
            words = _(
                "The clear value %(clear)s is harder than its trigger: it has to lie at or below"
                " the threshold %(trigger)s."
            )
            if not self.above:
                words = _(
                    "The clear value %(clear)s is harder than its trigger: it has to lie at or"
                    " above the threshold %(trigger)s."
                )
            return words % {"clear": f"{clear:g}", "trigger": f"{trigger:g}"}
        return None

    def _is_critical(self, value: float, *, holds: bool) -> bool:
        if holds and self.clear_critical is not None:
            return self._beyond(value, self.clear_critical, inclusive=False)
        return self._beyond(value, self.critical, inclusive=self.critical_inclusive)

    def _is_warning(self, value: float, *, holds: bool) -> bool:
        if holds and self.clear_warning is not None:
            return self._beyond(value, self.clear_warning, inclusive=False)
        return self._beyond(value, self.warning, inclusive=self.warning_inclusive)

    def _beyond(self, value: float, threshold: float | None, *, inclusive: bool) -> bool:
        if threshold is None:
            return False
        if inclusive and value == threshold:
            return True
        return value > threshold if self.above else value < threshold
