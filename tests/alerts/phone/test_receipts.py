"""Receipts: asked for, called back, late, bad and missing; and what a bad one brings about."""

from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from django.db.models.functions import Now
from django.test import Client

from apps.alerts.delivery.sms import twilio
from apps.alerts.models import (
    AwaitedReceipt,
    Channel,
    DeliveryReceipt,
    EpisodeEvent,
    Notification,
    PhoneAccount,
)
from apps.alerts.services import phones, receipts
from apps.alerts.services.dispatch import dispatch
from apps.core.errors import ConflictError, InvalidInputError
from tests.alerts.phone.conftest import PAYLOAD
from tests.alerts.providers.phone import SECRET
from tests.alerts.test_dispatch import episode

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_wake_ups")]


def send(channel: Channel, severity: str = "critical") -> Notification:
    row = Notification.objects.create(
        key=f"k{channel.pk}", channel=channel, kind=channel.kind, purpose="firing",
        severity=severity, episode=episode(), payload=PAYLOAD,
    )  # fmt: skip
    dispatch(channel.kind)
    row.refresh_from_db()
    assert (row.state, row.error) == ("sent", "")
    return row


def ask() -> int:
    AwaitedReceipt.objects.update(next_ask_at=Now())
    return receipts.collect()


def age(seconds: int) -> None:
    AwaitedReceipt.objects.update(since=Now() - timedelta(seconds=seconds))


def states(row: Notification) -> list[str]:
    return [one.state for one in row.receipts.order_by("pk")]


@pytest.mark.parametrize("name", ["twilio", "nhn", "sens", "solapi"])
def test_a_delivered_message_has_its_receipt_and_is_not_asked_about_again(name, phone):
    row = send(phone(name, "0001"))
    assert row.provider_id
    assert receipts.collect() == 0
    assert ask() == 1
    assert states(row) == ["delivered"]
    assert EpisodeEvent.objects.filter(episode=row.episode, kind="notification_delivered").exists()
    assert ask() == 0


def test_a_late_receipt_is_waited_for(phone):
    row = send(phone("solapi", "0700"))
    ask()
    ask()
    assert states(row) == ["on_its_way"]
    pause = AwaitedReceipt.objects.get()
    assert pause.asked == 2
    ask()
    assert states(row) == ["on_its_way", "delivered"]


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_a_bad_receipt_goes_down_the_ladder(severity, phone):
    first, below = phone("nhn", "0300"), phone("twilio", "0001")
    Channel.objects.filter(pk=first.pk).update(fallback=below)
    row = send(first, severity)
    ask()
    assert states(row) == ["failed"]
    assert [one.channel for one in row.fallbacks.all()] == [below]
    dispatch("sms")
    assert Notification.objects.get(channel=below).state == "sent"


def test_a_critical_message_without_a_receipt_goes_on_and_the_late_one_is_marked(phone):
    first, below = phone("solapi", "0700"), phone("twilio", "0001")
    Channel.objects.filter(pk=first.pk).update(fallback=below)
    row = send(first)
    ask()
    assert not row.fallbacks.exists()
    age(121)
    ask()
    assert row.fallbacks.count() == 1
    ask()
    assert states(row)[-1] == "delivered"
    event = EpisodeEvent.objects.get(episode=row.episode, kind="notification_delivered")
    assert event.detail["after_fallback"]
    assert row.fallbacks.count() == 1


def test_after_a_quarter_of_an_hour_nobody_asks_any_more(phone):
    row = send(phone("sens", "0800"))
    age(901)
    ask()
    assert states(row) == ["on_its_way", "missing"]
    assert ask() == 0


@pytest.fixture
def public(settings) -> None:
    settings.PHAROS_URL = "https://pharos.example.com"


def callback(row: Notification, secret: str = SECRET, **form: str):
    url = receipts.callback_url(row, "twilio")
    form = {"MessageSid": row.provider_id, **form}
    mac = twilio.signature(secret, url, form)
    return Client().post(
        urlsplit(url).path, urlencode(form), "application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": mac},
    )  # fmt: skip


def test_twilio_calls_back_and_repeats_itself_without_harm(phone, public):
    row = send(phone("twilio", "0800"))
    assert callback(row, MessageStatus="sent").status_code == 204
    assert callback(row, MessageStatus="delivered").status_code == 204
    assert callback(row, MessageStatus="delivered").status_code == 204
    assert states(row) == ["on_its_way", "delivered"]
    assert not AwaitedReceipt.objects.exists()


def test_a_late_word_of_failure_after_delivery_pages_nobody_twice(phone, public):
    first, below = phone("twilio", "0800"), phone("twilio", "0001")
    Channel.objects.filter(pk=first.pk).update(fallback=below)
    row = send(first)
    callback(row, MessageStatus="delivered")
    callback(row, MessageStatus="undelivered", ErrorCode="30003")
    assert states(row) == ["delivered", "failed"]
    assert not row.fallbacks.exists()


def test_a_forged_callback_is_refused_and_an_unknown_one_is_not_found(phone, public):
    row = send(phone("twilio", "0800"))
    assert callback(row, secret="wrong", MessageStatus="delivered").status_code == 403
    path = urlsplit(receipts.callback_url(row, "twilio")).path
    for other in (path + "x", path.replace("twilio", "sens"), "/alerts/receipts/twilio/1:2:3"):
        answer = Client().post(other, {"MessageStatus": "delivered"})
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert Client().get(path).status_code == 405
    assert not DeliveryReceipt.objects.exists()


def test_where_nobody_outside_reaches_us_twilio_is_not_told_to_call(phone):
    row = send(phone("twilio", "0001"))
    assert receipts.callback_url(row, "twilio") == ""


def test_an_account_that_went_missing_stops_no_other(phone):
    gone, there = send(phone("twilio", "0001")), send(phone("solapi", "0001"))
    PhoneAccount.objects.filter(name="twilio").delete()
    assert ask() == 2
    assert (states(gone), states(there)) == ([], ["delivered"])


def test_an_account_in_use_is_not_deleted_and_one_that_cannot_work_not_saved(phone):
    channel = phone("twilio", "0001")
    account = PhoneAccount.objects.get(name="twilio")
    with pytest.raises(ConflictError, match="use this account"):
        phones.delete(account)
    with pytest.raises(InvalidInputError, match="begins with AC"):
        phones.store(account, {"account_sid": "x", "sender": "+15005550006"})
    with pytest.raises(InvalidInputError, match="From is missing"):
        phones.store(account, {"account_sid": "AC1"})
    channel.delete()
    phones.delete(account)
    assert not PhoneAccount.objects.exists()


def test_a_channel_needs_an_account_that_serves_it(phone):
    from apps.alerts.services import channels

    phone("solapi", "0001")
    with pytest.raises(InvalidInputError, match="does not serve"):
        channels.ensure("sms", "+821011112222", config={"account": "solapi"})
    with pytest.raises(InvalidInputError, match="no phone account"):
        channels.ensure("sms", "+821011112222", config={"account": "nobody"})
    phone("twilio", "0001")
    topic = "arn:aws:sns:ap-northeast-2:123456789012:pages"
    with pytest.raises(InvalidInputError, match="topics"):
        channels.ensure("sms", topic, config={"account": "twilio"})
