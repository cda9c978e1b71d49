"""What every kind of condition has: a configuration checked at save, and one way to observe.

A kind is a frozen dataclass whose fields are its configuration; each field is made by `setting`,
which says how it is read, bounded and shown. Declaring the class registers it.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from django.utils.functional import Promise

from apps.alerts.evaluation.observed import Observed

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

CONDITIONS: Final[dict[str, type["RuleCondition"]]] = {}
_MOST_TEXT: Final = 500


class ConfigError(Exception):
    """A configuration that makes no sense: which field, and why."""

    def __init__(self, field: str, why: str | Promise) -> None:
        super().__init__(why)
        self.field = field


@dataclass(frozen=True)
class Setting:
    """How one field of a configuration is read and shown."""

    label: str | Promise
    least: float | None = None
    most: float | None = None
    choices: tuple[tuple[str, str | Promise], ...] = ()
    help: str | Promise = ""
    pairs: bool = False  # a mapping of texts, held as a tuple of pairs


def setting(default: Any, label: str | Promise, **shown: Any) -> Any:
    """A field of a configuration."""
    return dataclasses.field(default=default, metadata={"setting": Setting(label, **shown)})


@dataclass(frozen=True)
class RuleCondition(ABC):
    """How a rule sees its series. Small and without state: what lasts is in `Source.recall`."""

    kind: ClassVar[str]
    label: ClassVar[str | Promise]
    # The fields of a rule that mean nothing under this kind; the editor hides them.
    unused: ClassVar[tuple[str, ...]] = ()
    # The fields of a rule on which rests what is remembered of its series.
    remembered_by: ClassVar[tuple[str, ...]] = ("condition", "metric", "scope", "by")
    # What the metric of such a rule is called where the condition reads none.
    stands_for: ClassVar[str] = ""

    def __init_subclass__(cls, *, kind: str, label: str | Promise) -> None:
        super().__init_subclass__()
        cls.kind, cls.label = kind, label
        CONDITIONS[kind] = cls

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """The fields of the configuration by name."""
        return {field.name: field.metadata["setting"] for field in dataclasses.fields(cls)}

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> Self:
        """The condition a configuration means. Raises ConfigError."""
        known = {field.name: field for field in dataclasses.fields(cls)}
        for name in config:
            if name not in known:
                there = ", ".join(known) or "none"
                raise ConfigError(name, f"{name} is no setting of {cls.kind}; there are: {there}.")
        return cls(**{n: _read(known[n], n, value) for n, value in config.items()})

    def config(self) -> dict[str, Any]:
        """As JSON; only what differs from the defaults."""
        found = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                found[field.name] = dict(value) if isinstance(value, tuple) else value
        return found

    def check(self, rule: "Rule") -> None:
        """Refuse a rule under which this makes no sense, and fill in what follows from it.

        Raises ConfigError, whose field may be one of the rule's.
        """
        del rule  # most kinds have nothing to refuse

    def lookback_s(self, rule: "Rule") -> float:
        """How far before a moment its figures reach."""
        return float(rule.window_s)

    def step_s(self, rule: "Rule") -> int:
        """The shortest steps in which a preview may run it, in whole minutes."""
        del rule  # a minute serves most kinds
        return 60

    def unit(self, rule: "Rule", source: "Source") -> str:
        """The unit of the values."""
        info = source.info(rule.metric)
        if info is None:
            return ""
        # Points and observations are counted, whatever each of them measures.
        counted = ("count", "increase") if info.kind == "histogram" else ("count",)
        return "1" if rule.aggregation in counted else info.unit

    @abstractmethod
    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """Every series of the rule, now."""


def _read(field: "dataclasses.Field[Any]", name: str, value: Any) -> Any:
    told: Setting = field.metadata["setting"]
    if told.pairs:
        return _pairs(name, value)
    wanted: type = type(field.default)
    if wanted is bool:
        if not isinstance(value, bool):
            raise ConfigError(name, f"{name} is true or false.")
        return value
    if wanted in (int, float):
        return _number(told, name, value, whole=wanted is int)
    if not isinstance(value, str) or len(value) > _MOST_TEXT or "\0" in value:
        raise ConfigError(name, f"{name} is a text of at most {_MOST_TEXT} letters.")
    if told.choices and value not in dict(told.choices):
        there = ", ".join(key for key, _ in told.choices)
        raise ConfigError(name, f"{name} is one of {there}.")
    return value


def _number(told: Setting, name: str, value: Any, *, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(name, f"{name} is a number.")
    if whole and value != int(value):
        raise ConfigError(name, f"{name} is a whole number.")
    low = -math.inf if told.least is None else told.least
    high = math.inf if told.most is None else told.most
    if not low <= value <= high:
        raise ConfigError(name, f"{name} lies between {low:g} and {high:g}.")
    return int(value) if whole else float(value)


def _pairs(name: str, value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or len(value) > 10:
        raise ConfigError(name, f"{name} is an object of at most 10 names with their texts.")
    for key, text in value.items():
        if not key or not isinstance(text, str) or "\0" in key + text or len(text) > _MOST_TEXT:
            raise ConfigError(name, f"{name} holds names with plain texts.")
    return tuple(sorted(value.items()))
