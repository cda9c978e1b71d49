"""Who is on call: the calendar of a schedule, and one's own duties."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from apps.alerts.clock import db_now
from apps.alerts.models import CalendarFeed, ContactMethod, Override, Schedule, Swap, SwapState
from apps.alerts.models.schedule import known_zone
from apps.alerts.oncall.duty import plans
from apps.alerts.oncall.intervals import Interval, Shift
from apps.alerts.oncall.plan import Plan
from apps.alerts.oncall.roster import people_of, roster
from apps.alerts.oncall.walltime import midnight
from portal.evidence.guard import in_shell
from portal.oncall.grid import Drawing, span, steps
from portal.pages import render, staff_page

_DAY: Final = timedelta(days=1)
_LISTED: Final = 50
_AHEAD: Final = timedelta(days=90)
_ZONES: Final = ("UTC", "Asia/Seoul", "Europe/London", "America/New_York", "America/Los_Angeles")


@dataclass(frozen=True)
class Wish:
    """What the address asks for; anything odd means its default."""

    schedule: Schedule
    view: str
    day: date
    zone: str

    @classmethod
    def read(cls, query: QueryDict, schedules: list[Schedule], now: datetime) -> "Wish":
        """From the query of the page."""
        wanted = query.get("schedule", "")
        schedule = next((one for one in schedules if str(one.pk) == wanted), schedules[0])
        zone = query.get("zone", "") or schedule.zone
        try:
            known_zone(zone)
        except ValidationError:
            zone = schedule.zone
        day = now.astimezone(ZoneInfo(zone)).date()
        try:
            asked = date.fromisoformat(query.get("day", ""))
            day = asked if 2000 <= asked.year < 2100 else day
        except ValueError:
            pass
        return cls(schedule, "week" if query.get("view") == "week" else "month", day, zone)

    def address(self, **changes: Any) -> str:
        """The query of a neighbouring page."""
        values = {
            "schedule": self.schedule.pk, "view": self.view, "day": self.day, "zone": self.zone,
            **changes,
        }  # fmt: skip
        query = QueryDict(mutable=True)
        query.update({name: str(value) for name, value in values.items()})
        return f"?{query.urlencode()}"


@in_shell("alerts.view_schedule")
def calendar(request: HttpRequest) -> HttpResponse:
    """A month or a week of one schedule, its layers, overrides and swaps."""
    schedules = list(Schedule.objects.order_by("name")[:500])
    now = db_now()
    context: dict[str, Any] = {
        "title": _("On call"), "schedules": schedules, "now": now, "rights": _rights(request),
    }  # fmt: skip
    if schedules:
        wish = Wish.read(request.GET, schedules, now)
        context |= _drawn(wish, now) | _beside(wish, now) | {"duties": roster(now, schedules)}
    return render(request, "pages/oncall.html", context)


@staff_page
def mine(request: HttpRequest) -> HttpResponse:
    """When am I on call next, how am I reached, and what did I offer."""
    me, now = cast(User, request.user), db_now()
    schedules = list(Schedule.objects.order_by("name")[:500])
    found: list[tuple[Schedule, Shift]] = []
    resolved = plans(schedules, now, now + _AHEAD)
    for schedule in schedules:
        line = resolved[schedule.pk].resolve(now, now + _AHEAD)
        found += [(schedule, one) for one in line if one.person == me.pk]
    shifts = sorted(found, key=lambda one: one[1].start)[:_LISTED]
    methods = ContactMethod.objects.filter(person=me).select_related("channel")
    context: dict[str, Any] = {
        "title": _("My on-call"), "now": now, "shifts": shifts,
        "methods": list(methods.order_by("position", "pk")[:_LISTED]),
        "feed": CalendarFeed.objects.filter(person=me, schedule=None).first(),
        "swaps": _open_swaps(now), "rights": _rights(request), "ahead_days": _AHEAD.days,
    }  # fmt: skip
    return render(request, "pages/oncall_me.html", context)


def _drawn(wish: Wish, now: datetime) -> dict[str, Any]:
    zone = ZoneInfo(wish.zone)
    first, last = span(wish.view, wish.day)
    whole = Interval(midnight(first, zone), midnight(last + _DAY, zone))
    plan: Plan = plans([wish.schedule], whole.start, whole.end)[wish.schedule.pk]
    line = plan.resolve(whole.start, whole.end)
    layers = plan.layers(whole.start, whole.end)
    people = people_of([*line, *(one for _layer, shifts in layers for one in shifts)])
    drawing = Drawing(zone, {pk: one.get_username() for pk, one in people.items()}, now)
    days = drawing.days(first, last, line, wish.day.month if wish.view == "month" else 0)
    strips = [drawing.strip(_("On call"), line, whole, resolved=True)]
    strips += [drawing.strip(layer.name, shifts, whole) for layer, shifts in layers]
    before, after = steps(wish.view, wish.day)
    position = (now - whole.start) / (whole.end - whole.start) * 1000
    return {
        "wish": wish, "weeks": [days[n : n + 7] for n in range(0, len(days), 7)],
        "strips": strips, "now_x": round(position, 2) if 0 <= position <= 1000 else None,
        "before": wish.address(day=before), "after": wish.address(day=after),
        "today": wish.address(day=now.astimezone(zone).date()),
        "zones": sorted({*_ZONES, wish.schedule.zone, wish.zone}),
    }  # fmt: skip


def _beside(wish: Wish, now: datetime) -> dict[str, Any]:
    overrides = Override.objects.filter(schedule=wish.schedule, ends_at__gt=now)
    return {
        "overrides": list(overrides.select_related("person").order_by("starts_at", "pk")[:_LISTED]),
        "swaps": [one for one in _open_swaps(now) if one.schedule_id == wish.schedule.pk],
        "people": list(
            User.objects.filter(is_active=True, is_staff=True).order_by("username")[:500]
        ),
        "feed": CalendarFeed.objects.filter(schedule=wish.schedule, person=None).first(),
        "from_default": _local(now, wish.schedule.zone),
        "until_default": _local(now + timedelta(hours=8), wish.schedule.zone),
    }


def _open_swaps(now: datetime) -> list[Swap]:
    rows = Swap.objects.filter(state=SwapState.ASKED, ends_at__gt=now)
    return list(rows.select_related("asker", "schedule").order_by("starts_at", "pk")[:_LISTED])


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(UTC).astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:00}"


def _rights(request: HttpRequest) -> dict[str, bool]:
    may = request.user.has_perm
    return {
        "override": may("alerts.add_override"),
        "cancel": may("alerts.delete_override"),
        "schedule": may("alerts.change_schedule"),
        "add": may("alerts.add_schedule"),
        "contact": may("alerts.change_contactmethod"),
    }
