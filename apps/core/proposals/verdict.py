"""Did the change help? Two measured windows in, one decision out: no clock, no database."""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, Self

# The 95 % interval of a normal distribution.
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Measurement:
    """One window of one figure.

    `value` is its mean, `spread` the standard deviation of the `samples` it was made from; None is
    unknown. A figure that is simply read (the size of a table) has spread 0.
    """

    value: float | None
    samples: int
    spread: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> Self:
        """What was stored; nothing measured where nothing was."""
        if not stored:
            return cls(None, 0)
        return cls(stored["value"], stored["samples"], stored["spread"])


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better it got, positive is better, with its 95 % interval.

    In the metric's unit, or as a fraction of the value before where `relative`.
    """

    value: float
    low: float
    high: float
    relative: bool

    def as_json(self) -> dict[str, Any]:
        """For a JSON column."""
        return asdict(self)


class Outcome(StrEnum):
    """Why a proposal ended as it did."""

    GAINED = "gained"
    NO_GAIN = "no_gain"
    HARMED = "harmed"
    NOT_MEASURABLE = "not_measurable"
    APPLY_FAILED = "apply_failed"
    ASKED = "asked"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do: keep, roll back, or measure on. `gain` is None where it could not be told."""

    action: Literal["keep", "roll_back", "extend"]
    outcome: Outcome | None
    gain: Gain | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a kind asks of a change."""

    direction: Literal["decrease", "increase"]
    relative: bool
    least_gain: float
    least_samples: int
    unmeasurable: Literal["keep", "roll_back"]


def gain(before: Measurement, after: Measurement, terms: Terms) -> Gain | None:
    """The measured gain; None where either window cannot tell."""
    if not (_tells(before, terms) and _tells(after, terms)):
        return None
    old, new = before.value or 0.0, after.value or 0.0
    better = old - new if terms.direction == "decrease" else new - old
    if terms.relative and old == 0:
        return None
    ratio = new / old if terms.relative else 1.0
    scale = abs(old) if terms.relative else 1.0
    # By the delta method: a fraction also carries the doubt about what it is a fraction of.
    half = _Z * math.sqrt(_variance(before) * ratio * ratio + _variance(after))
    found = Gain(better / scale, (better - half) / scale, (better + half) / scale, terms.relative)
    return found if math.isfinite(found.low) and math.isfinite(found.high) else None


def judge(before: Measurement, after: Measurement, terms: Terms, *, last: bool) -> Verdict:
    """Keep, roll back or measure on; `last`: there is no more time to measure.

    Kept only when the whole interval reaches the least gain. Too few samples until the end are
    told as not measurable, and the kind's default decides: they are never a gain of 0.
    """
    found = gain(before, after, terms)
    if found is None:
        if not last:
            return Verdict("extend", None, None)
        return Verdict(terms.unmeasurable, Outcome.NOT_MEASURABLE, None)
    if found.high < 0:
        return Verdict("roll_back", Outcome.HARMED, found)
    if found.low >= terms.least_gain:
        return Verdict("keep", Outcome.GAINED, found)
    if found.high < terms.least_gain or last:
        return Verdict("roll_back", Outcome.NO_GAIN, found)
    return Verdict("extend", None, found)


def _tells(window: Measurement, terms: Terms) -> bool:
    figures = (window.value, window.spread)
    known = all(figure is not None and math.isfinite(figure) for figure in figures)
    return known and window.samples >= max(1, terms.least_samples)


def _variance(window: Measurement) -> float:
    spread = window.spread or 0.0
    # Not `** 2`, which raises where a product is infinite; an infinite doubt is no gain.
    return spread * spread / window.samples
