"""One time range for pages, API, exports and links: half-open [start, end), aware, UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError

_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_RELATIVE = re.compile(
    r"now(?:(?P<sign>[+-])(?P<n>[0-9]{1,9})(?P<unit>[smhdw]))?(?:/(?P<to>[smhdw]))?"
)
_EPOCH_MS = re.compile(r"[0-9]{1,16}")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# 1970-01-05 was a Monday: weeks start there, as in ISO 8601 and PostgreSQL's date_trunc.
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_LONGEST = 64
_MEND = _('Write "now-6h", "now-1d/d", an ISO 8601 time or milliseconds since 1970.')


@dataclass(frozen=True, slots=True)
class TimeRange:
    """[start, end): a moment equal to `end` belongs to the next range."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidInputError(_("A time range needs times with a time zone."))
        if self.start >= self.end:
            raise InvalidInputError(
                _("The range is empty: `from` must be before `to`."),
                {"from": self.start.isoformat(), "to": self.end.isoformat()},
            )

    @classmethod
    def parse(
        cls, from_: str = "now-1h", to: str = "now", now: datetime | None = None
    ) -> "TimeRange":
        """Read two ends: relative, ISO 8601 (UTC where no offset is given) or epoch milliseconds.

        `/d` rounds `from` down to the start of its day and `to` up to the end of its day, so
        `now/d` to `now/d` is all of today. Raises InvalidInputError that names the mend.
        """
        moment = (now or datetime.now(UTC)).astimezone(UTC)
        return cls(_parse(from_, "from", moment), _parse(to, "to", moment))

    @property
    def duration(self) -> timedelta:
        """How long the range is."""
        return self.end - self.start

    @property
    def duration_s(self) -> float:
        """How long the range is, in seconds."""
        return self.duration.total_seconds()

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def _parse(text: str, name: str, now: datetime) -> datetime:
    value = text.strip()
    try:
        if len(value) > _LONGEST:
            raise ValueError("too long")
        moment = _read(value, now, up=name == "to")
    except (ValueError, OverflowError):
        shown = value[:_LONGEST]
        raise InvalidInputError(
            format_lazy(
                _("`{name}` is not a time: {text}. {mend}"), name=name, text=repr(shown), mend=_MEND
            ),
            {"parameter": name},
        ) from None
    if not _EARLIEST <= moment <= _LATEST:
        raise InvalidInputError(
            format_lazy(
                _("`{name}` must lie between 1970 and 2200. {mend}"), name=name, mend=_MEND
            ),
            {"parameter": name},
        )
    return moment


def _read(value: str, now: datetime, *, up: bool) -> datetime:
    if match := _RELATIVE.fullmatch(value):
        moment = now
        if match["unit"]:
            distance = int(match["n"]) * _UNITS[match["unit"]]
            moment = now - distance if match["sign"] == "-" else now + distance
        return _round(moment, match["to"], up=up) if match["to"] else moment
    if _EPOCH_MS.fullmatch(value):
        return _EARLIEST + timedelta(milliseconds=int(value))
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _round(moment: datetime, unit: str, *, up: bool) -> datetime:
    step = _UNITS[unit]
    origin = _MONDAY if unit == "w" else _EARLIEST
    floor = moment - (moment - origin) % step
    return floor + step if up else floor
