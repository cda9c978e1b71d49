"""On-call schedules: what there is, who is on call, and overrides."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.alerts.api import oncall_shapes as shapes
from apps.alerts.clock import db_now
from apps.alerts.models import Override, Schedule
from apps.alerts.oncall import duty
from apps.alerts.oncall.intervals import gaps
from apps.alerts.oncall.roster import people_of, roster
from apps.alerts.services import schedules
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import InvalidInputError, NotFoundError


class SchedulesView(ListEndpoint):
    """On-call schedules, by name."""

    item = shapes.ScheduleSerializer
    order = ("name", "pk")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_schedule"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Schedule]:  # noqa: ARG002
        """All of them."""
        return Schedule.objects.all()


class OnCallView(Endpoint):
    """Who is on call in every schedule."""

    parameters = shapes.OnCallParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_schedule"}

    @extend_schema(responses=shapes.OnCallSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Now, or at the time asked for."""
        at = self.asked(request).get("at") or db_now()
        items = [
            {
                "schedule": one.schedule.name,
                "schedule_id": one.schedule.pk,
                "person": one.person.get_username() if one.person else None,
                "since": one.since,
                "until": one.until,
            }
            for one in roster(at)
        ]
        return self.reply({"at": at, "items": items})


class ShiftsView(Endpoint):
    """The resolved line of a schedule: who has the duty when, and when nobody has."""

    parameters = shapes.ShiftParameters
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_schedule"}

    @extend_schema(responses={200: shapes.ShiftsSerializer, 404: ErrorSerializer})
    def get(self, request: Request, schedule: int) -> HttpResponse:
        """At most 400 days."""
        asked = self.asked(request)
        start = asked.get("from") or db_now()
        end = asked.get("to") or start + timedelta(days=14)
        if not start < end <= start + shapes.LONGEST:
            raise InvalidInputError("The end lies at most 400 days after the start.")
        row = _schedule(schedule)
        found = duty.shifts(row, start, end)
        people = people_of(found)
        named = [
            {
                "start": one.start,
                "end": one.end,
                "person": people[one.person].get_username(),
                "source": one.source,
            }
            for one in found
            # Whose account is closed is nobody.
            if one.person in people
        ]
        manned = [one for one in found if one.person in people]
        empty = [{"start": gap.start, "end": gap.end} for gap in gaps(manned, start, end)]
        return self.reply({"schedule": row.name, "zone": row.zone, "shifts": named, "gaps": empty})


class OverridesView(ListEndpoint):
    """Overrides of a schedule, the latest first."""

    item = shapes.OverrideSerializer
    order = ("-starts_at", "-pk")
    required_scopes: ClassVar = {"GET": "read", "POST": "operate"}
    required_permissions: ClassVar = {
        "GET": "alerts.view_override",
        "POST": "alerts.add_override",
    }

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Override]:  # noqa: ARG002
        """Those of the schedule in the address."""
        row = _schedule(self.kwargs["schedule"])
        return Override.objects.filter(schedule=row).select_related("person")

    @extend_schema(
        request=shapes.NewOverrideSerializer,
        responses={201: shapes.OverrideSerializer, 404: ErrorSerializer},
    )
    def post(self, request: Request, schedule: int) -> HttpResponse:
        """Give somebody the duty from one instant to another."""
        body = shapes.NewOverrideSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wish = dict(body.validated_data)
        name = wish.pop("person")
        person = User.objects.filter(username=name).first()
        if person is None:
            raise InvalidInputError(f"There is no user {name!r}.", {"field": "person"})
        made = schedules.override(
            _schedule(schedule), person, by=request.user.get_username(), **wish
        )
        return self.reply(self.show(made), status=201)


class OverrideView(Endpoint):
    """One override."""

    required_scopes: ClassVar = {"DELETE": "operate"}
    required_permissions: ClassVar = {"DELETE": "alerts.delete_override"}

    @extend_schema(responses={204: None, 404: ErrorSerializer, 409: ErrorSerializer})
    def delete(self, request: Request, override: int) -> HttpResponse:  # noqa: ARG002
        """Take it back; one that has begun ends now."""
        row = Override.objects.filter(pk=override).first()
        if row is None:
            raise NotFoundError("There is no such override.")
        schedules.cancel(row)
        return HttpResponse(status=204)


def _schedule(pk: int) -> Schedule:
    # Beyond what the column holds there is surely none.
    row = Schedule.objects.filter(pk=pk).first() if pk < 1 << 63 else None
    if row is None:
        raise NotFoundError("There is no such schedule.")
    return row
