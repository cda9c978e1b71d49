"""What was noted about alerts long over ends; evidence, open work and what is recent stay."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from apps.alerts import incidents
from apps.alerts.clock import db_now
from apps.alerts.models import (
    AlertGroup,
    Attempt,
    CalendarFeed,
    Decision,
    Digest,
    Episode,
    EpisodeEvent,
    Escalation,
    EscalationMember,
    GroupMember,
    Incident,
    Notification,
)
from apps.alerts.services import retention
from apps.alerts.tasks import prune_alert_history
from tests.alerts.escalating import episode, policy, webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]
AGO = timedelta(days=400)
DETAIL = (Notification, Attempt, Decision, EpisodeEvent, GroupMember, Escalation, AlertGroup)


def told(one: Episode, *, state: str = "sent", at=None, group: AlertGroup | None = None):
    """An episode with one of everything that is noted about it."""
    at = at or db_now() - AGO
    group = group or AlertGroup.objects.create(key=uuid.uuid4().hex, last_flush_at=at)
    GroupMember.objects.create(
        group=group, episode=one, joined_at=at, told_at=at,
        cleared_at=None if one.ended_at is None else at,
    )  # fmt: skip
    row = Notification.objects.create(
        key=uuid.uuid4().hex, episode=one, group=group, channel=webhook("team"), kind="webhook",
        purpose="firing", payload={}, state=state, created_at=at,
    )  # fmt: skip
    Attempt.objects.create(notification=row, number=1, started_at=at)
    Decision.objects.create(episode=one, group=group, at=at, verdict="notified", reason="first")
    EpisodeEvent.objects.create(episode=one, at=at, kind="fired")
    return row


def ended(**columns) -> Episode:
    return episode(state="resolved", ended_at=db_now() - AGO, **columns)


def left(one: Episode) -> list[int]:
    counts = (Notification, Decision, EpisodeEvent, GroupMember)
    return [model.objects.filter(episode=one).count() for model in counts]


def test_only_what_is_over_and_nobody_needs_goes():
    gone, fresh, opened, owed, evidence, paged, together = (
        ended(), ended(), episode(), ended(), ended(), ended(), ended(),
    )  # fmt: skip
    first = told(gone)
    told(fresh, at=db_now() - timedelta(days=300))
    still = told(opened)
    told(owed, state="pending")
    told(evidence)
    told(paged)
    # A message about one that ended, of a group in which another still fires.
    told(together, group=still.group)
    incident = incidents.declare("k", "Down", "major", by="ann", episodes=[evidence])
    Notification.objects.filter(incident=incident).update(created_at=F("created_at") - AGO)
    running, over = (
        Escalation.objects.create(
            policy=made, policy_name="P", plan={}, severity="critical", started_at=db_now() - AGO,
            state=state, next_at=next_at, ended_at=end,
        )
        for made, state, next_at, end in (
            (policy({"kind": "channel", "channel": webhook("a")}), "running", db_now(), None),
            (None, "resolved", None, db_now() - AGO),
        )
    )  # fmt: skip
    for row, one in ((running, paged), (over, gone)):
        EscalationMember.objects.create(
            escalation=row, episode=one, state="open", since=db_now() - AGO
        )
    Digest.objects.create(channel=webhook("d"), due_at=db_now() - AGO, sent_at=db_now() - AGO)
    for name, active in (("gone", False), ("here", True)):
        person = User.objects.create_user(name, is_active=active)
        CalendarFeed.objects.create(
            token_hash=name, person=person, created_at=db_now() - AGO
        )  # fmt: skip

    done = prune_alert_history()

    assert left(gone) == [0, 0, 0, 0]
    assert not Attempt.objects.filter(notification=first.pk).exists()
    assert not AlertGroup.objects.filter(pk=first.group_id).exists()
    assert left(together)[0] == 1
    for one in (fresh, opened, owed, evidence, paged):
        assert left(one) == [1, 1, 1, 1], one
    assert Episode.objects.count() == 7
    assert list(Escalation.objects.all()) == [running]
    assert Incident.objects.get().log.count() == 2
    assert not Digest.objects.exists()
    assert [feed.token_hash for feed in CalendarFeed.objects.all()] == ["here"]
    assert done["notifications"] == done["groups"] == done["escalations"] == done["feeds"] == 1
    assert not any(prune_alert_history().values())


def test_a_run_ends_piece_by_piece(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(retention, "_AT_ONCE", 3)
    for _ in range(7):
        told(ended())
    with django_assert_max_num_queries(150):
        assert prune_alert_history()["notifications"] == 7
    assert not any(model.objects.exists() for model in DETAIL)
    for _ in range(4):
        told(ended())
    monkeypatch.setattr(retention, "_BUDGET_S", -1)
    assert prune_alert_history() == {}
    assert Notification.objects.count() == 4
