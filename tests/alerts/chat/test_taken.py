"""Who was told that an alert fires is told that somebody has taken it."""

import pytest

from apps.alerts.models import AlertGroup, Channel, Episode, GroupMember, Notification, Purpose
from apps.alerts.services import channels
from apps.alerts.services.acknowledgements import acknowledge, unacknowledge
from apps.alerts.services.dispatch import dispatch
from tests.alerts.conftest import T0

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_wake_ups")]


@pytest.fixture
def receivers(inbox) -> dict[str, Channel]:
    base = {kind: f"{inbox.url}/{kind}/ok" for kind in ("slack", "pagerduty", "opsgenie")}
    return {
        "slack": channels.ensure(
            "slack", "C0ALERTS", config={"base_url": base["slack"]},
            named_secrets={"token": "xoxb-good"},
        ),
        "pagerduty": channels.ensure("pagerduty", "a" * 32, config={"base_url": base["pagerduty"]}),
        "opsgenie": channels.ensure("opsgenie", "a" * 32, config={"base_url": base["opsgenie"]}),
        "webhook": channels.ensure("webhook", f"{inbox.url}/hook"),
    }  # fmt: skip


@pytest.fixture
def group(receivers) -> AlertGroup:
    group = AlertGroup.objects.create(key="g", labels={"service": "shop"})
    for number in range(2):
        episode = Episode.objects.create(
            rule_name=f"CPU {number}", fingerprint=f"f{number}", metric="m", direction="above",
            state="firing", severity="warning", started_at=T0, updated_at=T0,
        )  # fmt: skip
        GroupMember.objects.create(
            group=group, episode=episode, joined_at=T0, told_at=T0,
            told_channels=[one.pk for one in receivers.values()],
        )  # fmt: skip
    return group


def owed() -> list[str]:
    rows = Notification.objects.filter(purpose=Purpose.ACKNOWLEDGED)
    return sorted(rows.values_list("kind", flat=True))


def test_a_chat_hears_of_each_and_a_pager_of_the_whole_group(group, inbox):
    first, second = (one.episode for one in group.members.order_by("pk"))
    acknowledge([first], "alice")
    assert owed() == ["slack"]
    acknowledge([second], "bob")
    assert owed() == ["opsgenie", "pagerduty", "slack", "slack"]
    for kind in ("slack", "pagerduty", "opsgenie"):
        dispatch(kind)
    texts = [message["text"] for message in inbox.bodies("slack", "chat.postMessage")]
    assert texts == ["[Acknowledged by alice] CPU 0", "[Acknowledged by bob] CPU 1"]
    (event,) = inbox.bodies("pagerduty")
    assert event["event_action"] == "acknowledge"
    assert event["dedup_key"] == f"pharos-{group.pk}-{group.life}"
    (call,) = inbox.calls("opsgenie")
    assert call["path"] == f"v2/alerts/pharos-{group.pk}-{group.life}/acknowledge"


def test_what_was_let_go_and_is_taken_again_is_news_again(group):
    (first, _second) = (one.episode for one in group.members.order_by("pk"))
    acknowledge([first], "alice")
    acknowledge([first], "bob")
    assert len(owed()) == 1
    unacknowledge([first], "alice")
    acknowledge([first], "bob")
    assert len(owed()) == 2


def test_who_was_not_told_of_the_alert_hears_nothing(group):
    GroupMember.objects.update(told_at=None)
    acknowledge([one.episode for one in group.members.all()], "alice")
    assert owed() == []
