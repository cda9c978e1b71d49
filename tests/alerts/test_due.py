"""Nothing lies because nobody was woken: each kind of work is seen, and nothing else is."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import models, transaction
from django.db.models.functions import Now

from apps.alerts import due as alerting
from apps.alerts.models import (
    Acknowledgement,
    AlertGroup,
    AwaitedReceipt,
    Digest,
    Enrolment,
    Episode,
    Escalation,
    ForeignAlert,
    Notification,
    Rule,
)
from apps.alerts.services import channels, trouble
from apps.alerts.tasks import wake_what_is_due
from apps.core import due
from apps.core.clock import db_now
from apps.monitoring.logexports import work as logwork
from apps.monitoring.models import LogExport
from portal.celery import app
from portal.settings.schedule import CELERY_BEAT_SCHEDULE, RETIRED

pytestmark = pytest.mark.django_db
PAST, FUTURE = timedelta(seconds=-1), timedelta(minutes=5)


def episode(**columns) -> Episode:
    at = db_now()
    values = {"rule_name": "r", "labels": {}, "state": "firing", "severity": "critical"}
    return Episode.objects.create(started_at=at, updated_at=at, **values, **columns)


def channel():
    return channels.ensure("webhook", "https://hooks.example.com/due", name="due")


def message(**columns) -> Notification:
    values = {"kind": "webhook", "purpose": "firing", "payload": {}, "key": uuid4().hex, **columns}
    return Notification.objects.create(channel=channel(), **values)


def receipt(wait: timedelta) -> AwaitedReceipt:
    sent = message(state="sent")
    return AwaitedReceipt.objects.create(
        notification=sent, provider_id="1", next_ask_at=db_now() + wait
    )


def escalation(wait: timedelta, **columns) -> Escalation:
    at = db_now()
    return Escalation.objects.create(
        policy_name="p", plan={}, severity="critical", started_at=at, next_at=at + wait, **columns
    )


def foreign(wait: timedelta, **columns) -> ForeignAlert:
    at = db_now()
    return ForeignAlert.objects.create(
        source="s", fingerprint="f", starts_at=at, ends_at=at + wait, updated_at=at, **columns
    )


def group(wait: timedelta | None) -> AlertGroup:
    at = None if wait is None else db_now() + wait
    return AlertGroup.objects.create(key="k", labels={}, next_flush_at=at)


def digest(wait: timedelta, **columns) -> Digest:
    return Digest.objects.create(channel=channel(), due_at=db_now() + wait, **columns)


def export(state: str) -> LogExport:
    return LogExport.objects.create(
        owner="ann", form="csv", query={}, start=db_now(), end=db_now(), state=state
    )


ROUTE, DISPATCH, ESCALATE = alerting.ROUTE_TASK, alerting.DISPATCH_TASK, alerting.ESCALATE_TASK
WORK = [
    (lambda: Enrolment.objects.create(episode=episode(), at=db_now()), ROUTE),
    (lambda: group(PAST), ROUTE),
    (message, DISPATCH),
    # Also one that is due later, or under way: its worker may die.
    (lambda: message(next_attempt_at=Now() + FUTURE), DISPATCH),
    (lambda: message(state="sending"), DISPATCH),
    (lambda: episode(source=trouble.SOURCE), DISPATCH),
    (lambda: escalation(PAST), ESCALATE),
    (lambda: Acknowledgement.objects.create(episode=episode(), by="ann", at=db_now()),
     alerting.EXPIRE_TASK),
    (lambda: digest(PAST), alerting.DIGEST_TASK),
    (lambda: foreign(PAST, episode=episode()), alerting.FOREIGN_TASK),
    (lambda: receipt(PAST), alerting.RECEIPT_TASK),
    (lambda: export("queued"), logwork.TASK),
    (lambda: export("running"), logwork.TASK),
]  # fmt: skip


def test_each_kind_of_work_has_its_own_task_woken(monkeypatch):
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(app, "send_task", lambda name, *, queue, **_: sent.append((name, queue)))
    assert wake_what_is_due() == []
    for make, task in WORK:
        made = make()
        assert wake_what_is_due() == [task], made
        made.delete()
        Notification.objects.all().delete()
        Episode.objects.all().delete()
    assert [name for name, _ in sent] == [task for _, task in WORK]
    assert dict(sent)[ROUTE] == "high"
    assert {task for _, task in WORK} | {"apps.core.tasks.work_on_proposals"} == set(due._known)


def test_what_is_at_rest_or_comes_later_wakes_nobody():
    rest: list[models.Model] = [
        group(FUTURE), message(state="dead"), receipt(FUTURE), episode(),
        digest(FUTURE), digest(PAST, sent_at=db_now()), escalation(FUTURE),
        foreign(FUTURE, episode=episode()), export("done"),
    ]  # fmt: skip
    assert (rest, due.due()) == (rest, [])


def test_where_one_table_cannot_be_asked_every_task_looks_for_itself(monkeypatch):
    every = set(due._known)
    monkeypatch.setattr(due, "_statement", ("SELECT EXISTS (SELECT FROM gone)", ()))
    mark = transaction.savepoint()
    assert {one.task for one in due.due()} == every
    transaction.savepoint_rollback(mark)


def test_a_rule_and_a_heartbeat_are_seen_when_they_are_due(make_rule):
    rule = make_rule()
    Rule.objects.exclude(pk=rule.pk).delete()
    for wait, some in ((PAST, True), (FUTURE, False)):
        Rule.objects.update(next_eval_at=Now() + wait)
        assert alerting.judging() == (some, True)
    alerting.deadman.beat()
    assert alerting.judging() == (False, False)
    Rule.objects.update(next_eval_at=Now() + PAST, enabled=False)
    assert alerting.judging() == (False, False)


def test_every_message_of_the_clock_expires_and_belongs_to_a_task():
    app.loader.import_default_modules()
    assert not set(RETIRED) & set(CELERY_BEAT_SCHEDULE)
    for name, entry in CELERY_BEAT_SCHEDULE.items():
        lasting = entry["options"]["expire_seconds"]
        assert isinstance(lasting, int), name
        assert 0 < lasting < max(entry["schedule"], 31), name
        assert entry["task"] in app.tasks, name
    assert {one.task for one in due._known.values()} <= set(app.tasks)
