"""Where a search may go on: after one row, in an order that no two rows share.

Spans and log records have no number of their own. Rows of one moment lie in one partition and are
never changed, so their physical place (`ctid`) orders them and stays what it is: rows added between
two pages move nothing, and a partition dropped between them takes only its own rows away.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)  # PostgreSQL's resolution
_LATEST_US: Final = 7_258_118_400_000_000  # 2200, as far as time ranges reach
_PLACE: Final = re.compile(r"\(([0-9]{1,10}),([0-9]{1,5})\)")
_ROW: Final = re.compile(r"([0-9]{1,16})\.([0-9]{1,10})\.([0-9]{1,5})")
_CURSOR: Final = re.compile(r"([0-9]{1,16})\.([0-9]{1,10})\.([0-9]{1,5})\.([0-9]{1,16})")


@dataclass(frozen=True, slots=True)
class Place:
    """One row of a telemetry table: its time, and its block and number there."""

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
        return f"{_micros(self.ts)}.{self.block}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The reverse of `id`. Raises InvalidInputError."""
        match = _ROW.fullmatch(text[:64])
        if match is None:
            raise InvalidInputError("There is no such row: take its id from a search.")
        return _place(match)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next page: rows before `place`, not older than `since`.

    It carries the start of the range, or the last pages of "the last hour" would lose what grew
    older than an hour while the first ones were read.
    """

    place: Place
    since: datetime

    @property
    def text(self) -> str:
        """What callers send back."""
        return f"{self.place.id}.{_micros(self.since)}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The reverse of `text`. Raises InvalidInputError that names the mend."""
        match = _CURSOR.fullmatch(text[:64])
        if match is None:
            raise _refused()
        cursor = cls(_place(match), _moment(match[4]))
        if cursor.since > cursor.place.ts:
            raise _refused()
        return cursor

    @property
    def time_range(self) -> TimeRange:
        """What is still to be searched, the moment of the last row included."""
        return TimeRange(self.since, self.place.ts + _TICK)


def _place(match: "re.Match[str]") -> Place:
    block, number = int(match[2]), int(match[3])
    if block > 0xFFFFFFFE or number > 0xFFFF:
        raise _refused()
    return Place(_moment(match[1]), block, number)


def _moment(micros: str) -> datetime:
    if int(micros) > _LATEST_US:
        raise _refused()
    return _EPOCH + timedelta(microseconds=int(micros))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK


def _refused() -> InvalidInputError:
    return InvalidInputError(
        "This cursor is not one of ours: take `next_cursor` from the last page, or leave it out.",
        {"parameter": "cursor"},
    )
