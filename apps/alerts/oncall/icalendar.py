"""Shifts as an iCalendar (RFC 5545): times in UTC, escaped and folded, one steady UID each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from icalendar import Calendar, Event, vText

_PRODUCT: Final = "-//Pharos//On-call//EN"


@dataclass(frozen=True)
class Entry:
    """One shift. `uid` stays the same as long as it begins at the same time."""

    uid: str
    start: datetime
    end: datetime
    title: str
    note: str = ""


def render(name: str, entries: Iterable[Entry], now: datetime, refresh: timedelta) -> bytes:
    """The calendar `name`; clients are asked to come again after `refresh`."""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", vText(name))
    calendar.add("refresh-interval", refresh, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vText(f"PT{int(refresh.total_seconds())}S"))
    for one in entries:
        event = Event()
        event.add("uid", one.uid)
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", one.start.astimezone(UTC))
        event.add("dtend", one.end.astimezone(UTC))
        event.add("summary", one.title)
        if one.note:
            event.add("description", one.note)
        # Being on call does not make anybody busy.
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    found: bytes = calendar.to_ical()
    return found
