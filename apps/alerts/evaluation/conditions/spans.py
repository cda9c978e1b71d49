"""A figure of the spans that match."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.alerts.evaluation.conditions import counted
from apps.alerts.evaluation.conditions.base import ConfigError, RuleCondition, setting
from apps.alerts.evaluation.observed import Observed
from apps.core.errors import InvalidInputError
from apps.monitoring.queries.spanfigures import MEASURES, NAME, SERVICE, SpanQuery
from apps.monitoring.queries.traces import TraceFilter

if TYPE_CHECKING:
    from apps.alerts.evaluation.sources import Source
    from apps.alerts.models.rule import Rule

_UNITS = {"count": "{span}", "errors": "{span}", "rate": "{span}/s", "error_share": "1"}
_WHICH = (
    ("roots", _("first spans of traces")),
    ("entries", _("requests of services")),
    ("spans", _("all spans")),
)
_OF_NOTHING = {"count": 0.0, "errors": 0.0, "rate": 0.0}


@dataclass(frozen=True)
class Spans(RuleCondition, kind="trace", label=_("Trace query")):
    """A measure of the spans in the window, by `service.name` or `span.name`.

    The rule's scope names a service, a span's name, and attributes the spans must have.
    """

    measure: str = setting("count", _("Measure"), choices=tuple((m, m) for m in MEASURES))
    text: str = setting("", _("Part of the span's name"))
    of: str = setting("entries", _("Which spans"), choices=_WHICH)
    failed: bool = setting(False, _("Failed spans only"))  # noqa: FBT003
    least_ms: float = setting(0.0, _("Slower than (ms)"), least=0, most=86_400_000)

    unused = ("metric", "aggregation", "numerator_scope", "remainder_scope")
    stands_for = "traces"

    def check(self, rule: "Rule") -> None:
        """What spans cannot be kept apart by is refused at save."""
        try:
            self.query(rule)
        except InvalidInputError as error:
            raise ConfigError("by", str(error.words)) from error

    def query(self, rule: "Rule", measure: str = "") -> SpanQuery:
        """The search of one rule."""
        wanted = TraceFilter(
            service=rule.scope.get(SERVICE, ""),
            name=rule.scope.get(NAME, ""),
            text=self.text,
            failed=self.failed,
            least_us=round(self.least_ms * 1000),
            of=self.of,
            attrs=tuple((k, v) for k, v in rule.scope.items() if k not in (SERVICE, NAME)),
        )
        return SpanQuery(wanted, measure or self.measure, tuple(rule.by))

    def step_s(self, rule: "Rule") -> int:
        """The window: percentiles of parts are no percentile of the whole."""
        return -(-rule.window_s // 60) * 60

    def unit(self, rule: "Rule", source: "Source") -> str:  # noqa: ARG002
        """Durations are seconds."""
        return _UNITS.get(self.measure, "s")

    def observe(self, rule: "Rule", source: "Source") -> list[Observed]:
        """The figure of every group; fewer spans than `min_samples` are no verdict."""
        found = source.spans(self.query(rule), rule.window_s)
        seen = counted.observed(rule, source, found, _OF_NOTHING.get(self.measure))
        if not rule.min_samples or self.measure in _OF_NOTHING:
            return seen
        counts = {
            tuple(sorted({**rule.scope, **one.labels}.items())): one.value or 0.0
            for one in source.spans(self.query(rule, "count"), rule.window_s)
        }
        return [
            one
            if counts.get(tuple(sorted(one.labels.items())), 0.0) >= rule.min_samples
            else Observed(one.labels, None)
            for one in seen
        ]
