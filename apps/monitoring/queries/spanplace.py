"""Where a search of spans may go on: after one span, in an order its own values give.

A span keeps its values when its partition is replaced by one that holds only what is kept, its
physical place (`position.Place`) it does not. Rows that share all three values are one span that
was stored twice; lists show it once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_LATEST_US: Final = 7_258_118_400_000_000  # 2200, as far as time ranges reach
_FIRST: Final = UUID(int=0)
_TEXT: Final = re.compile(r"([0-9]{1,16})\.([0-9a-f]{32})\.([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SpanPlace:
    """One span: its time and its ids. Without ids it is a moment: before it lie only older rows."""

    ts: datetime
    trace_id: UUID = _FIRST
    span_id: int = -(2**63)

    @property
    def id(self) -> str:
        """The span's name in addresses and answers."""
        span = self.span_id & 0xFFFFFFFFFFFFFFFF
        return f"{(self.ts - _EPOCH) // _TICK}.{self.trace_id.hex}.{span:016x}"

    @property
    def key(self) -> tuple[Any, ...]:
        """What a cursor holds: the arguments that make the place again."""
        return self.ts, self.trace_id, self.span_id

    @classmethod
    def parse(cls, text: str) -> "SpanPlace":
        """The reverse of `id`. Raises InvalidInputError."""
        match = _TEXT.fullmatch(text[:80])
        if match is None or int(match[1]) > _LATEST_US:
            raise InvalidInputError(
                _("There is no such row: take its `id` from a search."), {"parameter": "after"}
            )
        span = int(match[3], 16)
        moment = _EPOCH + timedelta(microseconds=int(match[1]))
        return cls(moment, UUID(hex=match[2]), span - (1 << 64) if span >> 63 else span)
