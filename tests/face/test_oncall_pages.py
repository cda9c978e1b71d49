"""The pages of on-call: empty and full, what people do on them, and what axe finds."""

from datetime import date, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.models import (
    ContactMethod,
    EscalationPolicy,
    Layer,
    LayerMember,
    Notification,
    Override,
    Schedule,
    Swap,
    Team,
)
from apps.alerts.oncall import on_call
from apps.alerts.services import policies, schedules
from tests.alerts.escalating import webhook
from tests.face.walking import troubles

DAY = timedelta(days=1)
PAGE = "/admin/on-call/"


def furnish() -> Schedule:
    """Three people, two layers, an override and a swap on offer, in a zone with clock changes."""
    names = ("ann", "bob", "cat")
    ann, bob, cat = (User.objects.create_user(name, is_staff=True) for name in names)
    made = Schedule.objects.create(name="Payments, primary", zone="America/New_York", country="US")
    week = Layer.objects.create(schedule=made, name="Weekly", starts_on=date(2025, 1, 6))
    office = Layer.objects.create(
        schedule=made, name="Office hours", priority=1, starts_on=date(2025, 1, 6), unit="days",
        handoff=time(0), on_holidays="off",
        windows=[{"days": [0, 1, 2, 3, 4], "from": "09:00", "until": "18:00"}],
    )  # fmt: skip
    for layer, people in ((week, (ann, bob)), (office, (cat, ann))):
        for position, person in enumerate(people):
            LayerMember.objects.create(layer=layer, person=person, position=position)
    now = db_now()
    schedules.override(made, cat, now + DAY, now + 2 * DAY, by="ann", note="Ann is at the dentist")
    Swap.objects.create(schedule=made, asker=ann, starts_at=now, ends_at=now + 9 * DAY)
    for person in (ann, bob, cat):
        ContactMethod.objects.create(person=person, channel=webhook(person.username))
    policies.save_policy(
        "Payments", [{"kind": "schedule", "schedule": made}, {"kind": "user", "person": bob}],
        catch_all=webhook("operations"),
    )  # fmt: skip
    return made


@pytest.fixture
def full(db) -> Schedule:
    return furnish()


def signed_in(name: str) -> Client:
    client = Client()
    person = User.objects.get(username=name)
    person.is_superuser = True
    person.save()
    client.force_login(person)
    return client


def test_without_a_schedule_the_page_says_how_to_make_one(staff_client):
    shown = staff_client.get(PAGE).content.decode()
    assert "There is no on-call schedule yet" in shown
    assert "/admin/alerts/schedule/add/" in shown
    assert "You are not on call" in staff_client.get(f"{PAGE}me/").content.decode()


def test_the_calendar_shows_every_day_and_the_day_on_which_clocks_change(full):
    client = signed_in("ann")
    shown = client.get(f"{PAGE}?schedule={full.pk}&day=2026-03-15").content.decode()
    assert shown.count('class="ph-oncall-day"') == 42
    assert "23 h" in shown
    week = client.get(f"{PAGE}?view=week&day=2026-03-09&zone=Asia/Seoul").content.decode()
    assert week.count('class="ph-oncall-day"') == 7
    assert "23 h" not in week
    for odd in ("?schedule=x", "?day=2026-02-30", "?zone=Nowhere", "?view=year&day=9999-01-01"):
        assert client.get(PAGE + odd).status_code == 200


def test_an_override_is_made_and_taken_back_on_the_page(full):
    client = signed_in("ann")
    wish = {"person": "bob", "from": "2030-07-01T09:00", "until": "2030-07-02T09:00"}
    assert client.post(f"{PAGE}{full.pk}/override/", wish).status_code == 302
    row = Override.objects.get(starts_at__year=2030)
    assert (row.starts_at.isoformat(), row.made_by) == ("2030-07-01T13:00:00+00:00", "ann")
    client.post(f"{PAGE}override/{row.pk}/cancel/")
    assert not Override.objects.filter(pk=row.pk).exists()
    for wrong in ({"from": "soon"}, {"person": "nobody"}, {"until": "2001-01-01T00:00"}):
        client.post(f"{PAGE}{full.pk}/override/", {**wish, **wrong})
    assert Override.objects.count() == 1
    assert client.get(f"{PAGE}{full.pk}/override/").status_code == 405


def test_an_offer_is_taken_on_the_page(full):
    swap = Swap.objects.get()
    signed_in("bob").post(f"{PAGE}swap/{swap.pk}/take/")
    swap.refresh_from_db()
    assert swap.taker is not None
    assert swap.taker.username == "bob"
    assert signed_in("ann").post(f"{PAGE}swap/{swap.pk}/sell/").status_code == 404
    signed_in("ann").post(f"{PAGE}swap/{swap.pk}/withdraw/")
    assert Swap.objects.get().state == "accepted"


def test_a_test_page_goes_to_me_and_a_calendar_address_is_shown_once(full):
    client = signed_in("ann")
    client.post(f"{PAGE}me/page/")
    assert "1 test message is on its way" in client.get(f"{PAGE}me/").content.decode()
    for _ in range(conf.MOST_TESTS):
        client.post(f"{PAGE}me/page/")
    assert Notification.objects.filter(purpose="test").count() == conf.MOST_TESTS
    assert "ann has had 5 test messages just now" in client.get(f"{PAGE}me/").content.decode()
    client.post(f"{PAGE}me/feed/")
    assert "/oncall/" in client.get(f"{PAGE}me/").content.decode()
    assert "/oncall/" not in client.get(f"{PAGE}me/").content.decode()


def test_who_may_only_look_may_not_change(full):
    person = User.objects.create_user("dan", is_staff=True)
    client = Client()
    client.force_login(person)
    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}{full.pk}/override/").status_code == 403
    assert Client().post(f"{PAGE}{full.pk}/override/").status_code == 302


FORM = {
    "name": "Nights", "summary": "", "zone": "Asia/Seoul", "country": "KR",
    "layers-TOTAL_FORMS": "1", "layers-INITIAL_FORMS": "0", "layers-0-name": "weekly",
    "layers-0-priority": "0", "layers-0-people": "ann, bob, ann", "layers-0-every": "1",
    "layers-0-starts_on": "2025-01-06", "layers-0-handoff": "09:00:00", "layers-0-unit": "weeks",
    "layers-0-zone": "", "layers-0-windows": "[]", "layers-0-on_holidays": "as_ever",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers-0-people": "ann, nobody"}, "There is no user nobody."),
        ({"layers-0-people": " , "}, "A rotation needs somebody in it."),
        ({"layers-0-ends_on": "2027-01-04"}, "Nobody is on duty from 2027-01-04 09:00:00 KST"),
        ({"layers-0-windows": '[{"days": [7]}]'}, "day 0 is Monday"),
        ({"zone": "Nowhere"}, "Nowhere is no time zone"),
        ({"country": "XX"}, "XX is no country"),
    ],
)
def test_the_admin_refuses_a_schedule_that_does_not_hold(full, changes, said):
    client = signed_in("ann")
    answer = client.post("/admin/alerts/schedule/add/", {**FORM, **changes})
    assert (answer.status_code, said in answer.content.decode()) == (200, True)
    assert Schedule.objects.count() == 1


def test_the_admin_makes_a_schedule_and_changes_who_takes_turns(full):
    client = signed_in("ann")
    assert client.post("/admin/alerts/schedule/add/", FORM).status_code == 302
    made = Schedule.objects.get(name="Nights")
    layer = made.layers.get()
    assert [one.person.username for one in layer.places.all()] == ["ann", "bob", "ann"]
    changed = {
        **FORM, "layers-INITIAL_FORMS": "1", "layers-0-id": layer.pk,
        "layers-0-schedule": made.pk, "layers-0-people": "bob",
    }  # fmt: skip
    address = f"/admin/alerts/schedule/{made.pk}/change/"
    assert client.post(address, changed).status_code == 302
    assert [one.username for one in on_call(made, db_now())] == ["bob"]
    assert "bob" in client.get("/admin/alerts/schedule/").content.decode()


def test_the_admin_refuses_a_policy_with_a_step_about_nobody(full):
    client = signed_in("ann")
    policy = EscalationPolicy.objects.get()
    address = f"/admin/alerts/escalationpolicy/{policy.pk}/change/"
    shown = client.get(address).content.decode()
    assert "Page whoever is on call in Payments, primary, then wait 5 min." in shown
    form = {
        "name": "Payments", "summary": "", "catch_all": policy.catch_all_id,
        "steps-TOTAL_FORMS": "1", "steps-INITIAL_FORMS": "0", "steps-0-position": "0",
        "steps-0-kind": "team", "steps-0-wait_s": "300", "steps-0-from_time": "00:00:00",
        "steps-0-until_time": "00:00:00", "steps-0-zone": "UTC", "steps-0-more_than": "0",
        "steps-0-within_s": "300", "steps-0-repeats": "1",
    }  # fmt: skip
    refused = client.post("/admin/alerts/escalationpolicy/add/", {**form, "name": "Other"})
    assert "name the one it is about" in refused.content.decode()
    team = Team.objects.create(name="Payments")
    form |= {"name": "Other", "steps-0-team": team.pk}
    assert client.post("/admin/alerts/escalationpolicy/add/", form).status_code == 302


def test_the_lists_ask_as_much_for_many_rows_as_for_few(full, django_assert_max_num_queries):
    client = signed_in("ann")
    for number in range(8):
        policies.save_policy(
            f"P{number}", [{"kind": "schedule", "schedule": full}], catch_all=webhook("operations")
        )
    for address in ("escalationpolicy", "schedule", "team", "contactmethod", "escalation"):
        with django_assert_max_num_queries(22):
            assert client.get(f"/admin/alerts/{address}/").status_code == 200


def test_no_page_of_on_call_breaks_a_rule_of_wcag_or_a_telephone(visit):
    full = furnish()
    pages = {"oncall-month": f"{PAGE}?schedule={full.pk}", "oncall-me": f"{PAGE}me/"}
    assert troubles(visit, pages, lambda page, name: None) == []
