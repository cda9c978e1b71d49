"""The notification log: API, admin, accounts, and links of messages."""

import json
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.alerts.delivery.phone import words
from apps.alerts.models import (
    Attempt,
    Channel,
    DeadMan,
    DeliveryReceipt,
    Notification,
    PhoneAccount,
)
from apps.alerts.services import channels
from tests.alerts.phone.conftest import SETTINGS
from tests.alerts.test_dispatch import episode, owe
from tests.rights import PermissionMatrix

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]
LOG = "/admin/alerts/notifications"


class TestWhoMayReadTheLog(PermissionMatrix):
    path, permissions = LOG, ["alerts.view_notification"]


class TestWhoMaySendAgain(PermissionMatrix):
    method, scope, permissions = "POST", "operate", ["alerts.change_notification"]

    def prepare(self) -> None:
        channel = channels.ensure("webhook", "https://x.example.com/x")
        row = owe(channel, Notification.objects.count(), state="dead")
        self.path = f"{LOG}/{row.pk}/resend"


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ann"))
    return client


@pytest.fixture
def message(db) -> Notification:
    """Tried twice, failed over, and delivered after all."""
    first = channels.ensure("webhook", "https://a.example.com/x", name="first")
    below = channels.ensure("webhook", "https://b.example.com/x", name="below")
    row = owe(first, episode=episode(), severity="critical", state="sent", attempt=2)
    for number, outcome in ((1, "transient"), (2, "ok")):
        Attempt.objects.create(notification=row, number=number, outcome=outcome)
    DeliveryReceipt.objects.create(notification=row, state="on_its_way")
    DeliveryReceipt.objects.create(notification=row, state="delivered", detail="4000")
    owe(below, fallback_of=row, state="dead")
    return row


def test_the_list_tells_the_last_receipt_and_who_was_told_instead_in_one_query(
    staff, message, django_assert_max_num_queries
):
    with django_assert_max_num_queries(3):  # session, user, rows
        found = staff.get(LOG).json()["items"]
    below, first = found
    assert (first["receipt"], first["failed_over"], first["attempts"]) == ("delivered", True, 2)
    assert (below["instead_of"], below["failed_over"]) == (message.pk, False)
    assert first["channel"] == "first"


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ("state=dead", 1), ("severity=critical", 1), ("kind=webhook", 2), ("kind=sms", 0),
        ("purpose=firing", 2), ("until=2020-01-01T00:00:00Z", 0), ("since=2020-01-01T00:00:00Z", 2),
        ("episode=5f3a1f5e-7d0f-4f8e-9a3c-0d9f4b1c2e11", 0),
    ],
)  # fmt: skip
def test_the_list_can_be_filtered(question, count, staff, message):
    assert len(staff.get(f"{LOG}?{question}").json()["items"]) == count


def test_one_message_has_every_attempt_receipt_and_fall_back(staff, message):
    found = staff.get(f"{LOG}/{message.pk}").json()
    assert [one["outcome"] for one in found["every_attempt"]] == ["transient", "ok"]
    assert [one["state"] for one in found["receipts"]] == ["on_its_way", "delivered"]
    assert len(found["fallbacks"]) == 1
    assert staff.get(f"{LOG}/999999").status_code == 404


def test_a_finished_message_is_sent_again_and_one_on_its_way_is_not(staff, message):
    assert staff.post(f"{LOG}/{message.pk}/resend").json()["state"] == "pending"
    assert staff.post(f"{LOG}/{message.pk}/resend").status_code == 409


def test_the_admin_shows_the_same(staff, message):
    page = staff.get("/admin/alerts/notification/").content.decode()
    assert "Delivered" in page
    page = staff.get(f"/admin/alerts/notification/{message.pk}/change/").content.decode()
    assert "4000" in page
    assert "Told instead" in page


def test_a_channel_shows_its_health_and_a_ring_is_refused(staff, message):
    first = Channel.objects.get(name="first")
    below = Channel.objects.get(name="below")
    Channel.objects.filter(pk=below.pk).update(fallback=first)
    assert "nothing sent yet" in staff.get("/admin/alerts/channel/").content.decode()
    form = {"name": "first", "kind": "webhook", "enabled": "on", "fallback": below.pk}
    page = staff.post(f"/admin/alerts/channel/{first.pk}/change/", form).content.decode()
    assert "cannot fall back to itself" in page


def test_a_link_in_a_message_leads_to_its_episode(client):
    one = uuid.uuid4()
    answer = client.get(f"/a/{words.short(one)}")
    assert answer.status_code == 302
    assert str(one) in answer["Location"]
    assert client.get("/a/nonsense").status_code == 404


def account_form(name="main", provider="twilio", **fields):
    typed = {f"{provider}_{key}": value for key, value in SETTINGS[provider].items()}
    return {"name": name, "provider": provider, "new_secret": "tok3n", **typed, **fields}


def test_an_account_is_made_by_form_and_its_secret_never_shown(staff):
    assert staff.post("/admin/alerts/phoneaccount/add/", account_form()).status_code == 302
    account = PhoneAccount.objects.get()
    assert account.settings == SETTINGS["twilio"]
    assert account.sealed_secret.reveal() == "tok3n"
    page = staff.get(f"/admin/alerts/phoneaccount/{account.pk}/change/").content.decode()
    assert "AC0123" in page
    assert "tok3n" not in page
    again = account_form(new_secret="", twilio_sender="+15005550000")
    staff.post(f"/admin/alerts/phoneaccount/{account.pk}/change/", again)
    account.refresh_from_db()
    assert account.settings["sender"] == "+15005550000"
    assert account.sealed_secret.reveal() == "tok3n"


@pytest.mark.parametrize(
    ("provider", "fields", "words_"),
    [
        ("twilio", {"twilio_account_sid": "x"}, "begins with AC"),
        ("sens", {"sens_variables": ""}, "stands for"),
        ("nhn", {"nhn_app_key": ""}, "App key is missing"),
        ("sns", {"sns_region": "seoul"}, "looks like"),
        ("twilio", {"endpoint": "ftp://x"}, "begins with http"),
    ],
)
def test_an_account_that_cannot_work_is_refused_with_the_reason(provider, fields, words_, staff):
    form = account_form(provider=provider, **fields)
    answer = staff.post("/admin/alerts/phoneaccount/add/", form)
    assert answer.status_code == 200
    assert words_ in answer.content.decode()
    assert not PhoneAccount.objects.exists()


def test_an_account_in_use_stays(staff):
    staff.post("/admin/alerts/phoneaccount/add/", account_form())
    account = PhoneAccount.objects.get()
    channels.ensure("sms", "+821012345678", config={"account": "main"})
    staff.post(f"/admin/alerts/phoneaccount/{account.pk}/delete/", {"post": "yes"})
    assert PhoneAccount.objects.exists()


def test_the_switch_is_one_row_that_is_changed_and_never_added(staff, no_rules):
    answer = staff.get("/admin/alerts/deadman/", follow=True)
    assert "No heartbeat has left yet" in answer.content.decode()
    assert staff.get("/admin/alerts/deadman/add/").status_code == 403
    second = channels.ensure("webhook", "https://a.example.com/x")
    staff.post(
        "/admin/alerts/deadman/1/change/", {"second": second.pk, "late_after_s": 120}
    )  # fmt: skip
    assert DeadMan.objects.get().second == second
    assert staff.post("/admin/alerts/deadman/1/change/", {"late_after_s": 5}).status_code == 200


def test_an_sms_channel_is_made_by_the_api_with_its_account(staff):
    staff.post("/admin/alerts/phoneaccount/add/", account_form())
    body = {
        "metric": "system.cpu.utilization", "critical": 0.9, "force": True,
        "channels": [{"kind": "sms", "target": "+82 10 1234 5678", "config": {"account": "main"}}],
    }  # fmt: skip
    answer = staff.post("/admin/monitoring/threshold", json.dumps(body), "application/json")
    assert answer.status_code == 200, answer.content
    assert Channel.objects.get(kind="sms").hint == "+82•••••678"
    body["channels"][0]["config"] = {"account": "nobody"}
    body["channels"][0]["target"] = "+821099998888"
    answer = staff.post("/admin/monitoring/threshold", json.dumps(body), "application/json")
    assert answer.status_code == 400
