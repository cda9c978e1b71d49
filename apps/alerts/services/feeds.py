"""Calendar feeds: secret addresses, hashed, renewed at will."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.models import CalendarFeed, Schedule
from apps.alerts.oncall.duty import plans
from apps.alerts.oncall.icalendar import Entry, render
from apps.alerts.oncall.roster import people_of
from apps.core import caller
from apps.core.services import audit

BACK: Final = timedelta(days=30)
AHEAD: Final = timedelta(days=180)
REFRESH: Final = timedelta(hours=1)
_MOST_SCHEDULES: Final = 200
_MOST_ENTRIES: Final = 5000


def renew(*, schedule: Schedule | None = None, person: User | None = None) -> str:
    """The address of a feed, of a schedule, a person, or both; a former one is dead from now on.

    Shown this once: only the hash is kept.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        feed, made = CalendarFeed.objects.update_or_create(
            schedule=schedule, person=person,
            defaults={"token_hash": _hash(token), "created_at": Now(), "read_at": None},
        )  # fmt: skip
        verb = "create" if made else "renew"
        audit.record(caller.actor(), f"calendar_feed.{verb}", str(feed))
    return f"{conf.base_url()}/oncall/calendar.ics?token={token}"


def close(*, schedule: Schedule | None = None, person: User | None = None) -> bool:
    """Let the address die without a new one; whether there was one."""
    rows = CalendarFeed.objects.filter(schedule=schedule, person=person)
    with transaction.atomic():
        gone, _each = rows.delete()
        if gone:
            audit.record(caller.actor(), "calendar_feed.delete", str(schedule or person))
    return bool(gone)


def read(token: str) -> bytes | None:
    """The calendar behind a token; None for an unknown one."""
    feed = (
        CalendarFeed.objects.filter(token_hash=_hash(token))
        .select_related("schedule", "person")
        .first()
    )
    if feed is None or (feed.person is not None and not feed.person.is_active):
        return None
    CalendarFeed.objects.filter(pk=feed.pk).update(read_at=Now())
    now = db_now()
    person = feed.person
    if feed.schedule is not None:
        rows, name = [feed.schedule], feed.schedule.name
    else:
        rows = list(Schedule.objects.order_by("name")[:_MOST_SCHEDULES])
        name = _("On call: %(name)s") % {"name": person.get_username() if person else ""}
    return render(name, _entries(rows, person, now)[:_MOST_ENTRIES], now, REFRESH)


def _entries(rows: list[Schedule], person: User | None, now: datetime) -> list[Entry]:
    start, end = now - BACK, now + AHEAD
    found: list[Entry] = []
    resolved = {pk: plan.resolve(start, end) for pk, plan in plans(rows, start, end).items()}
    people = people_of(one for shifts in resolved.values() for one in shifts)
    for row in rows:
        for one in resolved[row.pk]:
            who = people.get(one.person)
            if who is None or (person is not None and who.pk != person.pk):
                continue
            title = row.name if person else f"{row.name}: {who.get_username()}"
            uid = f"{row.pk}-{one.person}-{one.start:%Y%m%dT%H%M%SZ}@pharos"
            found.append(Entry(uid, one.start, one.end, title, one.source))
    return sorted(found, key=lambda entry: (entry.start, entry.title))


def _hash(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
