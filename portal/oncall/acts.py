"""What people do on the pages of on-call, each by POST and one service verb."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.alerts.models import Channel, Override, Schedule, Swap
from apps.alerts.oncall.walltime import instant
from apps.alerts.services import channels, feeds, schedules
from apps.core.errors import InvalidInputError, PortalError
from apps.core.text import check_form

Act = Callable[..., HttpResponse]


def _act(permission: str) -> Callable[[Act], Act]:
    """For staff with the permission; a refusal is told on the page they came from."""

    def decorate(act: Act) -> Act:
        @require_POST
        @admin.site.admin_view
        @wraps(act)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            try:
                check_form(request.POST)
                return act(request, *args, **kwargs)
            except PortalError as error:
                messages.error(request, str(error.words))
                return redirect("on-call-me" if request.POST.get("back") == "me" else "on-call")

        return guarded

    return decorate


@_act("alerts.add_override")
def override(request: HttpRequest, schedule: int) -> HttpResponse:
    """Give somebody the duty for a while."""
    row = get_object_or_404(Schedule, pk=schedule)
    name = request.POST.get("person", "")
    person = User.objects.filter(username=name, is_active=True).first()
    if person is None:
        raise InvalidInputError(_("There is no user %(name)s.") % {"name": name})
    schedules.override(
        row, person, *_times(request, row), by=request.user.get_username(),
        note=request.POST.get("note", ""),
    )  # fmt: skip
    messages.success(
        request, _("%(name)s is on call for that time.") % {"name": person.get_username()}
    )
    return _back(row)


@_act("alerts.delete_override")
def cancel(request: HttpRequest, override: int) -> HttpResponse:
    """Take an override back."""
    row = get_object_or_404(Override.objects.select_related("schedule"), pk=override)
    schedules.cancel(row)
    messages.success(request, _("The override is taken back."))
    return _back(row.schedule)


@_act("alerts.view_schedule")
def ask_swap(request: HttpRequest, schedule: int) -> HttpResponse:
    """Offer one's own duty."""
    row = get_object_or_404(Schedule, pk=schedule)
    me = cast(User, request.user)
    schedules.ask_swap(row, me, *_times(request, row), note=request.POST.get("note", ""))
    messages.success(request, _("Offered. You stay on call until somebody takes it."))
    return _back(row)


@_act("alerts.view_schedule")
def decide_swap(request: HttpRequest, swap: int, verb: str) -> HttpResponse:
    """Take what somebody offered, or take one's own offer back."""
    row = get_object_or_404(Swap.objects.select_related("schedule", "asker"), pk=swap)
    me = cast(User, request.user)
    if verb == "take":
        schedules.take_swap(row, me)
        messages.success(request, _("It is yours."))
    elif verb != "withdraw":
        raise Http404
    else:
        schedules.withdraw_swap(row, me)
        messages.success(request, _("Your offer is taken back."))
    return _back(row.schedule)


@_act("alerts.view_schedule")
def renew_feed(request: HttpRequest, schedule: int | None = None) -> HttpResponse:
    """A new calendar address, shown once; the former one is dead."""
    if schedule is None:
        address = feeds.renew(person=cast(User, request.user))
    else:
        if not request.user.has_perm("alerts.change_schedule"):
            raise PermissionDenied
        address = feeds.renew(schedule=get_object_or_404(Schedule, pk=schedule))
    words = _("Calendar address, shown this once: %(address)s")
    messages.success(request, words % {"address": address})
    return redirect("on-call" if schedule else "on-call-me")


@_act("alerts.view_schedule")
def page_me(request: HttpRequest) -> HttpResponse:
    """A test message by every way I am reached."""
    mine = Channel.objects.filter(
        contacts__person=cast(User, request.user), contacts__enabled=True, enabled=True
    ).distinct()[:20]
    sent, refused = channels.send_tests(mine)
    for words in refused:
        messages.error(request, str(words))
    if refused and not sent:
        return redirect("on-call-me")
    if not sent:
        raise InvalidInputError(_("You have no contact method that works: nobody can page you."))
    words = ngettext(
        "%(n)d test message is on its way.", "%(n)d test messages are on their way.", sent
    )
    messages.success(request, words % {"n": sent})
    return redirect("on-call-me")


def _times(request: HttpRequest, schedule: Schedule) -> tuple[datetime, datetime]:
    """`from` and `until` as wall times of the schedule. Raises InvalidInputError."""
    zone = ZoneInfo(schedule.zone)
    found = []
    for name in ("from", "until"):
        try:
            wall = datetime.fromisoformat(request.POST.get(name, ""))
        except ValueError:
            raise InvalidInputError(_("Write a time as in 2026-03-01T09:00.")) from None
        if wall.tzinfo is not None or not 2000 <= wall.year < 2100:
            raise InvalidInputError(_("Write a time as in 2026-03-01T09:00."))
        found.append(instant(wall, zone))
    return found[0], found[1]


def _back(schedule: Schedule) -> HttpResponse:
    return redirect(f"{reverse('on-call')}?schedule={schedule.pk}")
