"""How many log lines match."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions import counted
from apps.alerts.evaluation.conditions.base import ConfigError, RuleCondition, setting
from apps.alerts.evaluation.observed import Observed
from apps.core.errors import InvalidInputError
from apps.monitoring.queries.linecounts import SERVICE, LineQuery
from apps.monitoring.queries.logfilter import LEVELS, LogFilter

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule


@dataclass(frozen=True)
class LogLines(RuleCondition, kind="log", label=_("Log query")):
    """The lines in the window that match, by `service.name`, `level` or attributes.

    The rule's scope names a service (`service.name`) and attributes the lines must have.
    """

    text: str = setting(
        "", _("Search text"), help=_('Words, "phrases", and -what must not be there.')
    )
    level: str = setting(
        "",
        _("Least level"),
        choices=(("", _("any")), *((level, level) for level in LEVELS)),
    )

    unused = (
        "metric", "aggregation", "numerator_scope", "remainder_scope", "min_samples",
    )  # fmt: skip
    stands_for = "logs"

    def check(self, rule: "Rule") -> None:
        """What the search cannot do is refused at save."""
        try:
            self.query(rule)
        except InvalidInputError as error:
            raise ConfigError("by", str(error.words)) from error

    def query(self, rule: "Rule") -> LineQuery:
        """The search of one rule."""
        attrs = tuple((k, v) for k, v in rule.scope.items() if k != SERVICE)
        service = rule.scope.get(SERVICE, "")
        return LineQuery(LogFilter(service, self.level, self.text, attrs=attrs), tuple(rule.by))

    def unit(self, rule: "Rule", source: "Source") -> str:  # noqa: ARG002
        """A number of lines."""
        return "{line}"

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """The count of every group; 0 where there were lines within a day."""
        found = source.lines(self.query(rule), rule.window_s)
        return counted.observed(rule, source, found, 0.0)
