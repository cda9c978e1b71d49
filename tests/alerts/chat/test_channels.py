"""Channels of every kind: made by API and form, their secrets kept, their messages in threads."""

import json

import pytest
from django.urls import reverse

from apps.alerts.delivery import Setting
from apps.alerts.models import Channel, Episode, Notification
from apps.alerts.services import channels
from apps.alerts.services.dispatch import dispatch
from apps.alerts.services.owe import owe
from apps.core.errors import InvalidInputError
from apps.core.models import AuditEntry
from tests.alerts.chat.conftest import ALERT, RESOLVED
from tests.alerts.conftest import T0

pytestmark = pytest.mark.django_db


@pytest.fixture
def slack(inbox) -> Channel:
    return channels.ensure(
        "slack", "C0ALERTS", config={"base_url": f"{inbox.url}/slack/ok"},
        named_secrets={"token": "xoxb-good"},
    )  # fmt: skip


def test_a_channel_keeps_its_settings_and_seals_its_secrets(slack):
    kept = Channel.objects.get()
    assert kept.config["users"] == {}
    assert kept.config["chart"] is True
    assert "xoxb" not in json.dumps(kept.config)
    assert "xoxb" not in str(vars(kept))
    assert json.loads(kept.secret)["token"] == "xoxb-good"


@pytest.mark.parametrize(
    "config",
    [{"nonsense": 1}, {"chart": "yes"}, {"base_url": "ftp://x"}, {"base_url": 5},
     {"users": ["a"]}, {"users": {"a": 1}}],
)  # fmt: skip
def test_settings_that_are_none_are_refused(config):
    with pytest.raises(InvalidInputError):
        channels.ensure("slack", "C0X", config=config, named_secrets={"token": "t"})


def test_a_choice_names_what_there_is():
    with pytest.raises(InvalidInputError, match="us, eu"):
        channels.ensure("pagerduty", "a" * 32, config={"region": "mars"})


def test_a_setting_that_is_needed_says_so():
    with pytest.raises(InvalidInputError, match="needed"):
        Setting("x", "X", required=True).clean("")


@pytest.mark.parametrize("kind", ["webhook", "email"])
def test_kinds_with_one_secret_or_none_take_no_named_ones(kind):
    target = "https://e.com/" if kind == "webhook" else "a@example.com"
    with pytest.raises(InvalidInputError):
        channels.ensure(kind, target, named_secrets={"token": "x"})


@pytest.mark.django_db(transaction=True)
def test_messages_of_an_episode_share_a_thread_and_the_end_turns_it_green(
    slack, inbox, no_wake_ups
):
    told = Episode.objects.create(
        rule_name="CPU", fingerprint="f", metric="m", direction="above", state="firing",
        severity="warning", started_at=T0, updated_at=T0,
    )  # fmt: skip
    for number, payload in enumerate([ALERT, RESOLVED]):
        owe([slack], payload["purpose"], payload, news=f"n{number}", episode=told)
        assert dispatch("slack") == 1
    first, second = inbox.bodies("slack", "chat.postMessage")
    kept = Notification.objects.order_by("pk")
    assert kept[0].provider_id.startswith("C0ALERTS:")
    assert second["thread_ts"] == kept[0].provider_id.partition(":")[2]
    assert "thread_ts" not in first
    assert len(inbox.bodies("slack", "chat.update")) == 1


@pytest.mark.django_db(transaction=True)
def test_messages_are_in_the_language_of_their_channel(slack, inbox, no_wake_ups):
    Channel.objects.update(language="ko")
    owe([slack], "firing", ALERT, news="n")
    dispatch("slack")
    (message,) = inbox.bodies("slack", "chat.postMessage")
    assert "위험" in message["text"] or "심각" in message["text"]


class TestTheForm:
    """The admin's form: the fields of the chosen kind, secrets written and never shown."""

    def post(self, client, address, **fields):
        common = {"name": "Ops", "kind": "slack", "enabled": "on", "language": "ko", **fields}
        return client.post(address, common)

    def test_a_channel_is_made_changed_and_keeps_its_secret(self, admin_client):
        add = reverse("admin:alerts_channel_add")
        answer = self.post(
            admin_client, add, new_target="C0OPS", slack_token="xoxb-s3cr3t",
            slack_users="U1=alice\n\nU2 = bob", slack_chart="on",
        )  # fmt: skip
        assert answer.status_code == 302, answer.content.decode()[:3000]
        made = Channel.objects.get()
        assert (made.hint, made.language) == ("C0OPS", "ko")
        assert made.config["users"] == {"U1": "alice", "U2": "bob"}
        change = reverse("admin:alerts_channel_change", args=[made.pk])
        page = admin_client.get(change).content.decode()
        assert "xoxb-s3cr3t" not in page
        assert "U1=alice" in page
        assert self.post(admin_client, change, slack_users="").status_code == 302
        changed = Channel.objects.get()
        assert changed.config["users"] == {}
        assert changed.config["chart"] is False
        assert json.loads(changed.secret)["token"] == "xoxb-s3cr3t"
        assert "xoxb" not in json.dumps(list(AuditEntry.objects.values()), default=str)

    def test_what_does_not_fit_is_told_beside_its_field(self, admin_client):
        add = reverse("admin:alerts_channel_add")
        page = self.post(admin_client, add, new_target="C0OPS").content.decode()
        assert "needs a bot token" in page
        page = self.post(admin_client, add, new_target="not a channel").content.decode()
        assert "neither a Slack channel" in page
        answer = self.post(admin_client, add, new_target="C0", slack_users="nonsense")
        assert "one name=value" in answer.content.decode()
        assert not Channel.objects.exists()

    def test_another_kind_forgets_the_secrets_of_the_first(self, admin_client, slack):
        change = reverse("admin:alerts_channel_change", args=[slack.pk])
        fields = {"kind": "pagerduty", "new_target": "b" * 32, "pagerduty_region": "eu"}
        assert self.post(admin_client, change, **fields).status_code == 302
        moved = Channel.objects.get()
        assert (moved.kind, moved.config["region"], moved.hint) == ("pagerduty", "eu", "…bbbb")
        assert "xoxb" not in moved.secret
