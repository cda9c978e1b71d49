"""Buttons in Slack: only Slack's own requests, only people who may."""

import json
import time
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apps.alerts.delivery.slack.signature import signed
from apps.alerts.models import Acknowledgement, Channel, Episode, Silence
from apps.alerts.services import channels
from tests.alerts.conftest import T0

pytestmark = pytest.mark.django_db
SECRET = "the app's signing secret"


@pytest.fixture
def slack(inbox) -> Channel:
    return channels.ensure(
        "slack", "C0ALERTS",
        config={"base_url": f"{inbox.url}/slack/ok", "users": {"U0MAPPED": "mapped"}},
        named_secrets={"token": "xoxb-good", "signing_secret": SECRET},
    )  # fmt: skip


@pytest.fixture
def episode(db) -> Episode:
    return Episode.objects.create(
        rule_name="CPU", fingerprint="f", metric="m", direction="above", state="firing",
        severity="warning", started_at=T0, updated_at=T0, labels={"host": "a"},
    )  # fmt: skip


def person(name="dev", email="dev@example.com", *rights: str) -> User:
    user = User.objects.create_user(name, email, "x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def press(slack, episode, action="pharos_acknowledge", user="U0KNOWN", **wrong):
    value = {"channel": slack.pk, "episodes": [str(episode.pk)]}
    told = {
        "type": "block_actions", "user": {"id": user},
        "actions": [{"action_id": action, "value": json.dumps(value)}],
        "container": {"message_ts": "1.2"},
        "response_url": wrong.get("reply", f"{slack.config['base_url']}/hook/reply"),
    }  # fmt: skip
    body = wrong.get("body") or urlencode({"payload": json.dumps(told)}).encode()
    at = str(int(time.time()) + wrong.get("late_s", 0))
    headers = {
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": signed(wrong.get("secret", SECRET), at, body),
    }
    return Client(enforce_csrf_checks=True).generic(
        "POST", "/alerts/slack/actions", body,
        content_type="application/x-www-form-urlencoded", headers=headers,
    )  # fmt: skip


def replies(inbox):
    return inbox.bodies("slack", "hook/reply")


def test_a_button_acknowledges_in_the_name_of_who_has_that_address(slack, episode, inbox):
    person("dev", "DEV@example.com", "add_acknowledgement")
    assert press(slack, episode).status_code == 200
    assert Acknowledgement.objects.get().by == "dev"
    (told,) = replies(inbox)
    assert (told["response_type"], told["thread_ts"]) == ("in_channel", "1.2")
    assert told["text"] == "dev acknowledged this."


def test_a_button_silences_for_an_hour_and_a_second_press_adds_nothing(slack, episode, inbox):
    person("mapped", "", "add_silence")
    for _ in range(2):
        press(slack, episode, "pharos_silence", user="U0MAPPED")
    silence = Silence.objects.get()
    assert silence.created_by == "mapped"
    assert 3500 < (silence.ends_at - silence.starts_at).total_seconds() <= 3601
    assert len(replies(inbox)) == 2


@pytest.mark.parametrize(
    "wrong", [{"secret": "another"}, {"late_s": -301}, {"late_s": 900}, {"body": b"payload=%00"}]
)
def test_what_slack_did_not_sign_does_nothing(slack, episode, inbox, wrong):
    person("dev", "dev@example.com", "add_acknowledgement")
    assert press(slack, episode, **wrong).status_code == 401
    assert not Acknowledgement.objects.exists()
    assert not replies(inbox)


def test_a_channel_without_a_signing_secret_takes_no_press(slack, episode):
    slack.sealed_secret = ""
    slack.save()
    assert press(slack, episode, secret="").status_code == 401


@pytest.mark.parametrize("rights", [(), ("add_silence",)])
def test_people_without_the_right_are_told_so(slack, episode, inbox, rights):
    person("dev", "dev@example.com", *rights)
    press(slack, episode)
    assert not Acknowledgement.objects.exists()
    (told,) = replies(inbox)
    assert (told["response_type"], told["text"]) == ("ephemeral", "You may not do that in Pharos.")


def test_strangers_and_two_with_one_address_are_nobody(slack, episode, inbox):
    press(slack, episode, user="U0STRANGER")
    person("one", "dev@example.com", "add_acknowledgement")
    person("two", "dev@example.com", "add_acknowledgement")
    press(slack, episode)
    assert not Acknowledgement.objects.exists()
    assert ["does not know" in told["text"] for told in replies(inbox)] == [True, True]


def test_answers_go_to_slack_alone(slack, episode, inbox):
    person("dev", "dev@example.com", "add_acknowledgement")
    press(slack, episode, reply="http://localhost.example.com/hook")
    assert Acknowledgement.objects.exists()
    assert not replies(inbox)


def test_what_has_ended_and_unknown_buttons_are_said_to_be_so(slack, episode, inbox):
    person("dev", "dev@example.com", "add_acknowledgement")
    press(slack, episode, "pharos_explode")
    Episode.objects.update(state="resolved")
    press(slack, episode)
    assert not Acknowledgement.objects.exists()
    assert len(replies(inbox)) == 2
