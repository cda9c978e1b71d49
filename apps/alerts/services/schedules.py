"""On-call schedules: proved when they are saved, overridden and swapped by people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.alerts.clock import db_now
from apps.alerts.models import Layer, Override, Schedule, Swap, SwapState
from apps.alerts.oncall.duty import rotation_of, shifts
from apps.alerts.oncall.intervals import Interval
from apps.alerts.oncall.plan import Plan, Proof, prove
from apps.alerts.oncall.rotation import calendar_of
from apps.core.errors import ConflictError, InvalidInputError
from apps.core.services import audit

LONGEST: Final = timedelta(days=90)


@dataclass(frozen=True)
class Judged:
    """What a schedule would be like. `refused`: why it cannot be saved."""

    proof: Proof
    refused: str = ""
    warnings: tuple[str, ...] = ()


def judge(schedule: Schedule, layers: Iterable[tuple[Layer, list[int]]]) -> Judged:
    """Prove 400 days of a schedule with these layers and the people in each, saved or not."""
    rows = list(layers)
    zone = ZoneInfo(schedule.zone)
    for layer, people in rows:
        if not people:
            proof = Proof(db_now(), db_now(), (), ())
            refused = _("Layer %(name)s has nobody in its rotation.") % {"name": layer.name}
            return Judged(proof, refused)
    rotations = tuple(rotation_of(layer, schedule.zone, people) for layer, people in rows)
    proof = prove(Plan(rotations, holidays=calendar_of(schedule.country)), db_now())
    if proof.doubles:
        first = proof.doubles[0]
        words = {"one": first.one, "other": first.other, "when": told(first, zone)}
        refused = _("Layers %(one)s and %(other)s have one priority and are both on duty %(when)s.")
        return Judged(proof, refused % words)
    warnings = _holiday_warnings(schedule, rows)
    if proof.gaps:
        gap = ngettext(
            "Nobody is on duty %(when)s (%(n)d gap within 400 days).",
            "Nobody is on duty %(when)s (the first of %(n)d gaps within 400 days).",
            len(proof.gaps),
        ) % {"when": told(proof.gaps[0], zone), "n": len(proof.gaps)}
        if not schedule.gaps_allowed:
            return Judged(proof, gap, warnings)
        warnings = (*warnings, gap)
    return Judged(proof, "", warnings)


def told(interval: Interval, zone: ZoneInfo) -> str:
    """An interval in wall times of a zone, exactly."""
    form = "%Y-%m-%d %H:%M:%S %Z"
    words = {
        "start": interval.start.astimezone(zone).strftime(form),
        "end": interval.end.astimezone(zone).strftime(form),
    }
    return _("from %(start)s until %(end)s") % words


def override(
    schedule: Schedule, person: User, starts_at: datetime, ends_at: datetime, *, by: str,
    note: str = "",
) -> Override:  # fmt: skip
    """Give somebody the duty from one instant to another. Raises InvalidInputError."""
    _check_span(starts_at, ends_at)
    if not person.is_active:
        raise InvalidInputError(
            _("The account of %(name)s is closed.") % {"name": person.get_username()},
            {"field": "person"},
        )
    return Override.objects.create(
        schedule=schedule, person=person, starts_at=starts_at, ends_at=ends_at, note=note[:500],
        made_by=by[:200],
    )  # fmt: skip


def cancel(row: Override) -> None:
    """Take an override back; one that has begun ends now, so that the past stays what it was.

    Raises ConflictError for one that is over.
    """
    now = db_now()
    if row.ends_at <= now:
        raise ConflictError(_("This override is over; the past is not changed."))
    if row.starts_at >= now:
        row.delete()
        return
    row.ends_at = now
    row.save()


def ask_swap(
    schedule: Schedule, asker: User, starts_at: datetime, ends_at: datetime, *, note: str = ""
) -> Swap:
    """Offer one's duty in an interval to whoever takes it. Raises InvalidInputError."""
    _check_span(starts_at, ends_at)
    if not any(one.person == asker.pk for one in shifts(schedule, starts_at, ends_at)):
        raise InvalidInputError(_("You are not on call in this time."), {"field": "starts_at"})
    return Swap.objects.create(
        schedule=schedule, asker=asker, starts_at=starts_at, ends_at=ends_at, note=note[:500]
    )


def take_swap(swap: Swap, taker: User) -> None:
    """Accept: the asker's duty in that interval is the taker's. Raises ConflictError and
    InvalidInputError."""
    if taker.pk == swap.asker_id:
        raise InvalidInputError(_("It is yours already."))
    _decide(swap, taker, state=SwapState.ACCEPTED, taker=taker)


def withdraw_swap(swap: Swap, asker: User) -> None:
    """Take back one's own wish while nobody has accepted it. Raises ConflictError otherwise."""
    if asker.pk != swap.asker_id:
        raise InvalidInputError(_("Only who asked may take it back."))
    _decide(swap, asker, state=SwapState.WITHDRAWN)


def _decide(swap: Swap, by: User, **columns: object) -> None:
    open_still = Swap.objects.filter(pk=swap.pk, state=SwapState.ASKED, ends_at__gt=Now())
    try:
        with transaction.atomic():
            won = open_still.update(decided_at=Now(), **columns)
            if won:
                after = {"state": str(columns["state"])}
                audit.record(by.get_username(), "swap.update", str(swap), None, after)
    except IntegrityError as error:
        raise ConflictError(_("This account is gone.")) from error
    if not won:
        raise ConflictError(_("This swap is decided or over."))
    swap.refresh_from_db()


def _check_span(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise InvalidInputError(_("It ends before it begins."), {"field": "ends_at"})
    if ends_at - starts_at > LONGEST:
        raise InvalidInputError(
            _("It lasts longer than %(n)d days.") % {"n": LONGEST.days}, {"field": "ends_at"}
        )
    if ends_at <= db_now():
        raise InvalidInputError(_("It is over already."), {"field": "ends_at"})


def _holiday_warnings(schedule: Schedule, rows: list[tuple[Layer, list[int]]]) -> tuple[str, ...]:
    heeding = [layer.name for layer, _people in rows if layer.on_holidays != "as_ever"]
    if heeding and not schedule.country:
        names = ", ".join(heeding)
        words = _("%(names)s heed holidays, but the schedule names no country.")
        return (words % {"names": names},)
    return ()
