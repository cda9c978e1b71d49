"""Where a search of log lines may go on, also when the lines were moved meanwhile.

A log record has no number of its own. Lines of one moment stand in the order in which they came,
which is where they lie (`ctid`). A place also holds a hash of the line, so that one whose partition
was written anew between two pages (compressed, thinned out) is found again where it lies now.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apps.core.errors import InvalidInputError
from apps.monitoring.queries import position

_ROW: Final = re.compile(r"([0-9]{1,16})\.([0-9a-f]{16})\.([0-9]{1,10})\.([0-9]{1,5})")
_CTID: Final = re.compile(r"\(([0-9]{1,10}),([0-9]{1,5})\)")
_SIGN: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class LinePlace:
    """One line: its time, its block and number there, and the hash of what it holds (`tie`):
    `hashtextextended(body, coalesce(span_id, 0))`.

    Without block and number it is a moment: before it lie only older lines.
    """

    ts: datetime
    block: int = 0
    number: int = 0
    tie: int = 0

    @classmethod
    def of(cls, ts: datetime, tie: int, ctid: str) -> "LinePlace":
        """From what PostgreSQL gives: a time, `tie`, and "(block,number)"."""
        match = _CTID.fullmatch(ctid)
        if match is None:
            raise ValueError(ctid)
        return cls(ts, int(match[1]), int(match[2]), tie)

    @property
    def ctid(self) -> str:
        """As PostgreSQL reads it."""
        return f"({self.block},{self.number})"

    @property
    def id(self) -> str:
        """The line's name in addresses and answers."""
        us = (self.ts - position.EPOCH) // position.TICK
        return f"{us}.{self.tie + _SIGN:016x}.{self.block}.{self.number}"

    @property
    def key(self) -> tuple[Any, ...]:
        """What a cursor holds of it; places sort by it."""
        return self.ts, self.block, self.number, self.tie

    @classmethod
    def parse(cls, text: str) -> "LinePlace":
        """The reverse of `id`. Raises InvalidInputError."""
        match = _ROW.fullmatch(text[:64])
        if match is None:
            raise _refused()
        us, block, number = int(match[1]), int(match[3]), int(match[4])
        if us > position.LATEST_US or block > 0xFFFFFFFE or number > 0xFFFF:
            raise _refused()
        ts = position.EPOCH + timedelta(microseconds=us)
        return cls(ts, block, number, int(match[2], 16) - _SIGN)


def _refused() -> InvalidInputError:
    return InvalidInputError(position.NO_SUCH_ROW, {"parameter": "after"})
