"""The state of decoding one request: rows so far, what was refused, what was cut."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from apps.monitoring.intake import limits, wire
from apps.monitoring.intake.values import KeyValues, clean, cut, member
from apps.monitoring.store.rows import Batch, Resource

BAD_TIME: Final = "time is absent or out of range"
# DataPointFlags of OTLP: the point says that nothing was measured.
NO_RECORDED_VALUE: Final = 1
_METRICS_TOLD: Final = 20
_RESOURCES_REMEMBERED: Final = 10_000
_resources: dict[bytes, Resource] = {}


class MalformedError(ValueError):
    """The body is not the message it claims to be: 400, and sending it again is useless."""


@dataclass
class Decoding:
    """One request on its way to rows. Refused items are counted by reason, neighbours are kept."""

    batch: Batch = field(default_factory=Batch)
    key_values: KeyValues = field(default_factory=KeyValues)
    refused: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    # (reason, metric name) → data points; the first names only, for the self-watch.
    by_metric: Counter[tuple[str, str]] = field(default_factory=Counter)

    def refuse(self, reason: str, items: int = 1, metric: str = "") -> None:
        self.refused[reason] += items
        if metric and ((reason, metric) in self.by_metric or len(self.by_metric) < _METRICS_TOLD):
            self.by_metric[reason, metric] += items

    def warn(self, what: str, times: int = 1) -> None:
        self.warnings[what] += times

    def resource(self, raw: bytes) -> Resource:
        """The resource these bytes encode: the same object for the same bytes."""
        found = _resources.get(raw)
        if found is None:
            message = wire.Resource.FromString(raw)
            found = Resource(self.key_values.attributes_of(message.attributes))
            if len(_resources) >= _RESOURCES_REMEMBERED:
                _resources.clear()
            if len(raw) <= limits.REMEMBERED_BYTES:
                _resources[raw] = found
        return found

    def scope(self, raw: bytes) -> dict[str, Any]:
        """The scope's name, as the attribute it is outside OTLP; {} when unnamed."""
        if not raw:
            return {}
        name, _ = cut(clean(wire.InstrumentationScope.FromString(raw).name), limits.KEY_BYTES)
        return {"otel.scope.name": name} if name else {}

    def scope_members(self, raw: bytes) -> list[bytes]:
        """The same as members of a JSON object."""
        return [member(*item) for item in self.scope(raw).items()]

    def name(self, text: str) -> str:
        """A span's name, cut to its bound."""
        if len(text) <= limits.NAME_BYTES // 4 and "\0" not in text:
            return text
        text, was_cut = cut(clean(text), limits.NAME_BYTES)
        if was_cut:
            self.warn("names cut to 1 KiB")
        return text

    @property
    def rejected(self) -> int:
        return self.refused.total()

    def message(self) -> str:
        """What was refused and what was cut, in words for the sender; "" when all is well."""
        cuts = Counter(self.warnings)
        cuts["attributes cut (key 256 B, value 4 KiB)"] += self.key_values.cut
        cuts["attributes beyond 128 of an item dropped"] += self.key_values.dropped
        parts = [f"{n} refused: {reason}" for reason, n in self.refused.most_common()]
        parts += [f"{n} {what}" for what, n in cuts.most_common() if n]
        return "; ".join(parts)
