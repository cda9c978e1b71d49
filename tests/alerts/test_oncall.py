"""Schedules of real rows: proved at save, overridden, swapped, and read by API and calendar."""

from datetime import UTC, date, datetime, time, timedelta

import icalendar
import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.alerts.clock import db_now
from apps.alerts.models import CalendarFeed, Layer, LayerMember, Override, Schedule, SwapState
from apps.alerts.oncall import contacts, on_call
from apps.alerts.services import feeds, policies, schedules
from apps.core.errors import ConflictError, InvalidInputError
from apps.core.models import AuditEntry
from tests.alerts.escalating import person, webhook
from tests.rights import PermissionMatrix

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
API = "/admin/alerts/schedules"


def schedule(*people: User, name: str = "Primary", **layer) -> Schedule:
    made = Schedule.objects.create(name=name, zone="Asia/Seoul")
    values = {"name": "weekly", "starts_on": date(2024, 1, 1), "handoff": time(9), **layer}
    row = Layer.objects.create(schedule=made, **values)
    LayerMember.objects.bulk_create(
        LayerMember(layer=row, person=one, position=n) for n, one in enumerate(people)
    )
    return made


@pytest.fixture
def ann(db) -> User:
    return person("ann")


@pytest.fixture
def bob(db) -> User:
    return person("bob")


def test_on_call_is_whose_shift_it_is_and_nobody_once_the_account_is_closed(ann, bob):
    made = schedule(ann, bob)
    monday = datetime(2025, 1, 6, tzinfo=UTC)
    first, second = on_call(made, monday), on_call(made, monday - timedelta(microseconds=1))
    assert {first[0], second[0]} == {ann, bob}
    User.objects.filter(pk=first[0].pk).update(is_active=False)
    assert on_call(made, monday) == []


def test_contact_methods_count_from_their_severity_and_keep_quiet_hours_but_for_critical_ones():
    dan = person("dan", min_severity="critical")
    eve = person("eve", quiet_from=time(22), quiet_until=time(7), zone="Asia/Seoul")
    night, day = datetime(2025, 1, 6, 14, tzinfo=UTC), datetime(2025, 1, 6, 3, tzinfo=UTC)
    assert (contacts(dan, "warning", day), len(contacts(dan, "critical", day))) == ([], 1)
    assert (contacts(eve, "warning", night), len(contacts(eve, "warning", day))) == ([], 1)
    assert len(contacts(eve, "critical", night)) == 1


class TestProof:
    def judged(self, made: Schedule, *layers: tuple[Layer, list[int]]) -> schedules.Judged:
        return schedules.judge(made, layers)

    def test_a_gap_is_refused_with_its_exact_interval_unless_it_is_meant(self, ann):
        made = Schedule(name="x", zone="Asia/Seoul")
        layer = Layer(name="weekly", starts_on=date(2024, 1, 1), ends_on=date(2099, 1, 1))
        assert self.judged(made, (layer, [ann.pk])).refused == ""
        layer.ends_on = (db_now() + 10 * DAY).date()
        refused = self.judged(made, (layer, [ann.pk])).refused
        assert f"Nobody is on duty from {layer.ends_on} 09:00:00 KST until" in refused
        made.gaps_allowed = True
        judged = self.judged(made, (layer, [ann.pk]))
        assert (judged.refused, len(judged.warnings)) == ("", 1)

    def test_an_empty_rotation_is_refused(self):
        layer = Layer(name="weekly", starts_on=date(2024, 1, 1))
        refused = self.judged(Schedule(zone="UTC"), (layer, [])).refused
        assert refused == "Layer weekly has nobody in its rotation."

    def test_two_primaries_at_once_are_refused_even_where_gaps_are_meant(self, ann, bob):
        made = Schedule(name="x", zone="UTC", gaps_allowed=True)
        one = Layer(name="one", starts_on=date(2024, 1, 1))
        two = Layer(name="two", starts_on=date(2024, 1, 1))
        refused = self.judged(made, (one, [ann.pk]), (two, [bob.pk])).refused
        assert refused.startswith("Layers one and two have one priority and are both on duty from")

    def test_a_layer_that_heeds_holidays_of_no_country_is_warned_of(self, ann):
        layer = Layer(name="l", starts_on=date(2024, 1, 1), on_holidays="off")
        assert len(self.judged(Schedule(zone="UTC"), (layer, [ann.pk])).warnings) == 1


def test_an_override_counts_at_once_and_one_taken_back_leaves_the_past_as_it_was(ann, bob):
    made, now = schedule(ann), db_now()
    row = schedules.override(made, bob, now - HOUR, now + DAY, by="ann")
    assert on_call(made, now) == [bob]
    schedules.cancel(row)
    assert (on_call(made, db_now()), on_call(made, now - HOUR)) == ([ann], [bob])
    with pytest.raises(ConflictError):
        schedules.cancel(row)
    schedules.cancel(schedules.override(made, bob, now + DAY, now + 2 * DAY, by="ann"))
    assert Override.objects.count() == 1
    assert AuditEntry.objects.filter(action="override.create").count() == 2


@pytest.mark.parametrize(("start", "end"), [(2, 1), (-3, -2), (0, 91 * 24)])
def test_an_override_that_makes_no_sense_is_refused(ann, bob, start, end):
    now = db_now()
    with pytest.raises(InvalidInputError):
        schedules.override(schedule(ann), bob, now + start * HOUR, now + end * HOUR, by="ann")


def test_a_swap_counts_once_somebody_has_taken_it_and_only_one_can(ann, bob):
    made, now = schedule(ann), db_now()
    swap = schedules.ask_swap(made, ann, now, now + DAY)
    assert on_call(made, now) == [ann]
    with pytest.raises(InvalidInputError):
        schedules.take_swap(swap, ann)
    schedules.take_swap(swap, bob)
    assert (on_call(made, now), on_call(made, now + DAY)) == ([bob], [ann])
    for late in (person("cat"), bob):
        with pytest.raises(ConflictError):
            schedules.take_swap(swap, late)
    with pytest.raises(ConflictError):
        schedules.withdraw_swap(swap, ann)
    assert swap.state == SwapState.ACCEPTED


def test_what_is_not_yours_cannot_be_offered(ann, bob):
    with pytest.raises(InvalidInputError):
        schedules.ask_swap(schedule(ann), bob, db_now(), db_now() + DAY)


class TestPolicies:
    def test_a_policy_is_made_and_replaced_by_name_and_reads_as_sentences(self, ann):
        steps = [{"kind": "user", "person": "ann"}, {"kind": "channel", "channel": webhook("room")}]
        made = policies.save_policy("Payments", steps)
        assert made.catch_all.name == "room"
        assert [str(step) for step in made.steps.all()] == [
            "Page ann, then wait 5 min.", "Tell room, then wait 5 min.",
        ]  # fmt: skip
        again = policies.save_policy("Payments", steps[1:], catch_all="room")
        assert (again, again.steps.count()) == (made, 1)

    @pytest.mark.parametrize(
        ("steps", "said"),
        [
            ([], "page somebody"),
            ([{"kind": "user", "person": "ann"}], "at its end"),
            ([{"kind": "user", "person": "nobody"}], "There is no person named nobody"),
            ([{"kind": "call"}], "Step 1"),
            ([{"kind": "user"}, {"kind": "channel", "channel": "room"}], "name the one"),
            ([{"kind": "wait", "for": 3}], "unknown for"),
            ([{"kind": "wait", "wait_s": -1}], "Step 1"),
            ([{"kind": "repeat"}, {"kind": "channel", "channel": "room"}], "never happens"),
        ],
    )
    def test_steps_that_make_no_sense_are_refused_with_their_number(self, ann, steps, said):
        webhook("room")
        with pytest.raises(InvalidInputError) as error:
            policies.save_policy("P", steps)
        assert said in error.value.message

    @pytest.mark.parametrize(
        ("steps", "said"),
        [
            ([{"kind": "wait"}], "page somebody"),
            ([{"kind": "user", "person": "ann", "wait_s": 5}, {"kind": "repeat"}], "a minute"),
            ([{"kind": "user", "person": "ann"}, {"kind": "resolve"}], "tell a channel first"),
            ([{"kind": "repeat", "repeats": 6}], "Step 1"),
        ],
    )
    def test_a_policy_that_would_not_end_well_is_refused(self, ann, steps, said):
        with pytest.raises(InvalidInputError) as error:
            policies.save_policy("P", steps, catch_all=webhook("room"))
        assert said in error.value.message

    def test_who_would_be_paged_is_told_step_by_step(self, ann):
        steps = [
            {"kind": "schedule", "schedule": schedule(ann)},
            {"kind": "schedule", "schedule": schedule(User.objects.create_user("new"), name="B")},
        ]
        made = policies.save_policy("P", steps, catch_all=webhook("room"))
        found = policies.preview(made, "critical", db_now())
        assert [one.names for _words, one in found] == [["ann"], [], ["room"]]
        assert found[1][1].nobody == "new: no contact method that works."


class TestFeed:
    def test_a_feed_is_a_calendar_in_utc_with_steady_uids(self, ann, bob):
        made = schedule(ann, bob, name='Zahlung; "A, B"\nC' + "한" * 60)
        url = feeds.renew(schedule=made)
        answer = Client().get(_path(url))
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
        assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
        events = list(icalendar.Calendar.from_ical(answer.content).walk("VEVENT"))
        assert len(events) == 31
        first, second = events[1], events[2]
        assert first["DTEND"].dt == second["DTSTART"].dt
        assert first["DTSTART"].dt.tzinfo is not None
        assert first["DTSTART"].to_ical().endswith(b"000000Z")  # 09:00 in Seoul
        again = icalendar.Calendar.from_ical(Client().get(_path(url)).content).walk("VEVENT")
        assert {e["UID"] for e in events[1:]} == {e["UID"] for e in again[1:]}
        assert {str(e["SUMMARY"]).rpartition(": ")[2] for e in events} == {"ann", "bob"}

    def test_a_persons_feed_has_only_their_shifts_and_dies_with_the_account(self, ann, bob):
        schedule(ann, bob)
        schedule(bob, name="B")
        path = _path(feeds.renew(person=ann))
        found = icalendar.Calendar.from_ical(Client().get(path).content)
        assert {str(e["SUMMARY"]) for e in found.walk("VEVENT")} == {"Primary"}
        User.objects.filter(pk=ann.pk).update(is_active=False)
        assert Client().get(path).status_code == 404

    def test_a_renewed_address_makes_the_former_one_dead_and_no_token_is_kept(self, ann):
        made = schedule(ann)
        old, new = feeds.renew(schedule=made), feeds.renew(schedule=made)
        assert [Client().get(_path(url)).status_code for url in (old, new)] == [404, 200]
        assert new.rpartition("=")[2][:20] not in str(list(CalendarFeed.objects.values()))
        assert feeds.close(schedule=made)
        assert Client().get(_path(new)).status_code == 404
        assert not feeds.close(schedule=made)


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


class TestWhoMaySeeSchedules(PermissionMatrix):
    path, permissions = API, ["alerts.view_schedule"]


class TestWhoMayOverride(PermissionMatrix):
    method, scope, status = "POST", "operate", 201
    permissions = ["alerts.add_override"]

    def prepare(self) -> None:
        cat = User.objects.get_or_create(username="cat")[0]
        made = Schedule.objects.first() or schedule(cat)
        now = db_now()
        self.path = f"{API}/{made.pk}/overrides"
        self.body = {
            "person": "cat", "starts_at": now.isoformat(), "ends_at": (now + DAY).isoformat(),
        }  # fmt: skip


def test_the_api_tells_who_is_on_call_their_shifts_and_the_gaps(staff_client, ann, bob):
    made = schedule(ann, bob)
    lonely = schedule(ann, name="Later", ends_on=date(2024, 6, 1))
    now = staff_client.get("/admin/alerts/on-call").json()["items"]
    assert [(one["schedule"], one["person"] is None) for one in now] == [
        ("Later", True), ("Primary", False),
    ]  # fmt: skip
    query = "?from=2025-01-01T00:00:00Z&to=2025-01-15T00:00:00Z"
    found = staff_client.get(f"{API}/{made.pk}/shifts{query}").json()
    assert [one["start"] for one in found["shifts"]] == [
        "2025-01-01T00:00:00Z", "2025-01-06T00:00:00Z", "2025-01-13T00:00:00Z",
    ]  # fmt: skip
    gone = staff_client.get(f"{API}/{lonely.pk}/shifts{query}").json()
    assert (gone["shifts"], len(gone["gaps"])) == ([], 1)
    for wrong in (
        "?from=x",
        "?from=0001-01-01T00:00:00Z",
        "?from=2030-01-01T00:00:00Z&to=2020-01-01T00:00:00Z",
    ):
        assert staff_client.get(f"{API}/{made.pk}/shifts{wrong}").status_code == 400
    assert staff_client.get(f"{API}/999999999999999999999/shifts").status_code == 404


def test_overrides_are_made_listed_and_taken_back_by_the_api(staff_client, ann):
    made, now = schedule(ann), db_now()
    body = {"person": "ann", "starts_at": now.isoformat(), "ends_at": (now + DAY).isoformat()}
    address = f"{API}/{made.pk}/overrides"
    one = staff_client.post(address, body, "application/json").json()
    assert [row["id"] for row in staff_client.get(address).json()["items"]] == [one["id"]]
    assert staff_client.delete(f"/admin/alerts/overrides/{one['id']}").status_code == 204
    wrong = staff_client.post(address, {**body, "person": "nobody"}, "application/json")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_input")
    assert staff_client.delete("/admin/alerts/overrides/0").status_code == 404
