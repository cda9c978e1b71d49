"""Where a search may go on: after one row, in an order that no two rows share.

Spans and log records have no number of their own. Rows of one moment lie in one partition and are
never changed, so their physical place (`ctid`) orders them and stays what it is: rows added between
two pages move nothing, and a partition dropped between them takes only its own rows away.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)  # PostgreSQL's resolution
LATEST_US: Final = 7_258_118_400_000_000  # 2200, as far as time ranges reach
_PLACE: Final = re.compile(r"\(([0-9]{1,10}),([0-9]{1,5})\)")
NO_SUCH_ROW: Final = _("There is no such row: take its `id` from a search.")
_ROW: Final = re.compile(r"([0-9]{1,16})\.([0-9]{1,10})\.([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Place:
    """One row of a telemetry table: its time, and its block and number there.

    Without block and number it is a moment: before it lie only older rows.
    """

    ts: datetime
    block: int = 0
    number: int = 0

    @classmethod
    def of(cls, ts: datetime, ctid: str) -> "Place":
        """From what PostgreSQL gives: a time and "(block,number)"."""
        match = _PLACE.fullmatch(ctid)
        if match is None:
            raise ValueError(ctid)
        return cls(ts, int(match[1]), int(match[2]))

    @property
    def ctid(self) -> str:
        """As PostgreSQL reads it."""
        return f"({self.block},{self.number})"

    @property
    def id(self) -> str:
        """The row's name in addresses and answers."""
        return f"{(self.ts - EPOCH) // TICK}.{self.block}.{self.number}"

    @property
    def key(self) -> tuple[Any, ...]:
        """What a cursor holds of it."""
        return self.ts, self.block, self.number

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The reverse of `id`. Raises InvalidInputError."""
        match = _ROW.fullmatch(text[:64])
        if match is None:
            raise _refused()
        return _place(match)


def _place(match: "re.Match[str]") -> Place:
    block, number = int(match[2]), int(match[3])
    if int(match[1]) > LATEST_US or block > 0xFFFFFFFE or number > 0xFFFF:
        raise _refused()
    return Place(EPOCH + timedelta(microseconds=int(match[1])), block, number)


def _refused() -> InvalidInputError:
    return InvalidInputError(NO_SUCH_ROW, {"parameter": "after"})
