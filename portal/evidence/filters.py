"""The filters of the evidence lists, read from the address."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.queries.logs import LEVELS

RANGES = ("now-15m", "now-1h", "now-6h", "now-24h")
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show; empty text means all."""

    from_: str
    to: str
    time_range: TimeRange
    service: str
    level: str
    text: str
    failed: bool
    least_ms: int
    trace: UUID | None

    def address(self, **changes: str) -> str:
        """The query string of the same list with some filters changed."""
        fields = {
            "from": self.from_, "to": self.to, "service": self.service, "level": self.level,
            "text": self.text, "failed": "1" if self.failed else "",
            "least_ms": str(self.least_ms or ""), "trace": str(self.trace or ""), **changes,
        }  # fmt: skip
        return "?" + urlencode({key: value for key, value in fields.items() if value})


def read(query: dict[str, str]) -> Filters:
    """Raises InvalidInputError that names the mend."""
    from_, to = query.get("from") or "now-1h", query.get("to") or "now"
    level = query.get("level", "")
    if level and level not in LEVELS:
        raise InvalidInputError(f"`level` is one of {', '.join(LEVELS)}.", {"parameter": "level"})
    least = query.get("least_ms") or "0"
    if not least.isdecimal() or len(least) > 9:
        raise InvalidInputError(
            "`least_ms` is a whole number of milliseconds.", {"parameter": "least_ms"}
        )
    return Filters(
        from_=from_,
        to=to,
        time_range=TimeRange.parse(from_, to),
        service=query.get("service", "")[:_LONGEST_TEXT].replace("\0", ""),
        level=level,
        text=query.get("text", "")[:_LONGEST_TEXT].replace("\0", ""),
        failed=query.get("failed") == "1",
        least_ms=int(least),
        trace=trace_id(query["trace"]) if query.get("trace") else None,
    )


def trace_id(text: str) -> UUID:
    """A trace id of 32 hexadecimal digits. Raises InvalidInputError."""
    try:
        return UUID(hex=text[:64])
    except ValueError:
        raise InvalidInputError(
            "A trace id has 32 hexadecimal digits.", {"parameter": "trace"}
        ) from None
