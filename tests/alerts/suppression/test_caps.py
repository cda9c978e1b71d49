"""Caps and digests: few enough messages to be read, none of them lost."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.alerts.clock import db_now
from apps.alerts.models import Bucket, Cap, Digest, DigestEntry, NoisyRule, Notification
from apps.alerts.services import channels, digests, noise
from apps.alerts.services.owe import owe
from apps.alerts.suppression.caps import Limit, spend

LIMIT = {"burst": 3, "per_hour": 60}


@pytest.fixture
def post(db, no_wake_ups):
    channel = channels.ensure("email", "ann@example.com")
    Cap.objects.create(scope="channel", channel=channel, **LIMIT)
    return channel


@pytest.fixture
def page(post, make_episode):
    def send(n, *, severity="warning", purpose="firing", start=0, **more):
        episode = make_episode(severity=severity)
        return [
            row
            for i in range(start, start + n)
            for row in owe(
                [post], purpose, {"rule": {"name": f"r{i}"}, "breaches": [{"metric": f"m{i}"}]},
                news=f"{purpose}:{severity}:{i}", episode=episode, severity=severity, **more,
            )
        ]  # fmt: skip

    return send


def overdue():
    Digest.objects.update(due_at=db_now() - timedelta(seconds=1))


def test_a_bucket_fills_with_time_and_a_clock_that_steps_back_takes_nothing(post):
    now = db_now()
    assert [spend(post, None, "warning", now) for _ in range(4)] == [True, True, True, False]
    later = now + timedelta(seconds=60)
    assert [spend(post, None, "warning", later) for _ in range(2)] == [True, False]
    assert not spend(post, None, "warning", now - timedelta(hours=1))
    assert spend(post, None, "warning", later + timedelta(days=1))
    assert Bucket.objects.get().tokens == 2
    assert Limit(3, 60).after(3, 1e9) == 3


def test_a_critical_first_page_leaves_in_any_case_and_is_counted(post):
    now = db_now()
    assert all(spend(post, None, "critical", now) for _ in range(10))
    assert not spend(post, None, "critical", now, first=False)
    assert not spend(post, None, "warning", now)
    row = Bucket.objects.get()
    assert (row.exempt, row.held) == (7, 2)


def test_a_person_has_a_cap_of_their_own_and_nothing_is_taken_unless_both_have_it(post, db):
    ann, bob = (User.objects.create_user(name) for name in ("ann", "bob"))
    Cap.objects.create(scope="person", burst=1, per_hour=1)
    now = db_now()
    spent = [spend(post, who, "warning", now) for who in (ann, ann, ann, bob, None, bob)]
    assert spent == [True, False, False, True, True, False]
    assert Bucket.objects.get(person=None).tokens == 0


def test_the_closest_cap_counts_and_programs_have_none_unless_one_is_set(db):
    now = db_now()
    hook = channels.ensure("webhook", "https://hooks.example.com/a")
    Cap.objects.create(scope="channel", burst=1, per_hour=1)
    assert all(spend(hook, None, "warning", now) for _ in range(100))
    assert not Bucket.objects.filter(channel=hook).exists()
    kind = Cap.objects.create(scope="channel", kind="webhook", burst=2, per_hour=1)
    assert [spend(hook, None, "warning", now) for _ in range(3)] == [True, True, False]
    own = Cap.objects.create(scope="channel", channel=hook, enabled=False, burst=1, per_hour=1)
    assert all(spend(hook, None, "warning", now) for _ in range(5))
    for row in (own, kind):
        row.delete()
    mail = channels.ensure("email", "eve@example.com")
    assert [spend(mail, None, "warning", now) for _ in range(2)] == [True, False]


def test_what_is_over_the_cap_is_told_in_one_digest_and_nothing_is_lost(page, post):
    assert len(page(5)) == 3
    page(2, purpose="resolved")
    page(1, severity="critical")
    assert page(5) == []
    assert DigestEntry.objects.count() == 4
    assert digests.send_due() == 0
    overdue()
    assert [digests.send_due(), digests.send_due()] == [1, 0]
    row = Notification.objects.get(purpose="digest")
    assert row.channel == post
    told = row.payload["digest"]
    assert (told["count"], told["by_severity"]) == (4, {"warning": 4})
    assert told["by_purpose"] == {"firing": 2, "resolved": 2}
    assert [one["rule"] for one in told["top"]] == ["r3", "r4", "r0", "r1"]
    assert len(row.payload["breaches"]) == 4
    assert Digest.objects.get().notification == row


def test_the_worst_ten_are_named_and_the_rest_is_counted(page):
    page(3)
    page(15, start=3)
    page(2, severity="critical", purpose="resolved", start=50)
    overdue()
    digests.send_due()
    payload = Notification.objects.get(purpose="digest").payload
    assert [one["severity"] for one in payload["digest"]["top"]] == ["critical"] * 2 + [
        "warning"
    ] * 8
    assert (len(payload["breaches"]), payload["breaches_not_shown"]) == (10, 7)
    assert payload["severity"] == "critical"


def test_after_a_digest_another_is_begun(page):
    page(4)
    overdue()
    digests.send_due()
    page(1, start=10)
    assert Digest.objects.filter(sent_at=None).get().entries.count() == 1


def test_a_digest_that_cannot_be_written_holds_up_no_other(page, post, monkeypatch):
    page(4)
    other = channels.ensure("email", "bob@example.com")
    bad = Digest.objects.create(channel=other, due_at=db_now() - timedelta(hours=1))
    real = digests._send

    def broken(digest):
        if digest == bad:
            raise ValueError("nonsense")
        real(digest)

    monkeypatch.setattr(digests, "_send", broken)
    Digest.objects.exclude(pk=bad.pk).update(due_at=db_now() - timedelta(seconds=1))
    assert digests.send_due() == 1
    assert Digest.objects.get(sent_at=None) == bad
    monkeypatch.undo()
    assert digests.send_due() == 1


def test_tests_and_stand_ins_spend_nothing(page, post):
    first = page(3)
    assert page(1, start=5, fallback_of=first[0])
    assert owe([post], "test", {}, news="test")


@pytest.mark.django_db(transaction=True)
def test_many_that_spend_at_once_spend_no_more_than_there_is(post):
    start, spent = threading.Barrier(4), []

    def work(name):
        start.wait()
        try:
            for i in range(5):
                spent.extend(owe([post], "firing", {}, news=f"{name}:{i}", severity="warning"))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(spent) == 3
    assert DigestEntry.objects.count() == 17
    assert Digest.objects.count() == 1


def test_a_rule_that_pages_too_often_becomes_one_task_until_somebody_closes_it(
    make_rule, make_episode, no_wake_ups
):
    loud, calm = make_rule(name="loud"), make_rule(name="calm")
    hooks = [channels.ensure("webhook", f"https://hooks.example.com/{n}") for n in range(3)]
    for i in range(11):
        owe(hooks[:1], "firing", {}, news=f"loud:{i}", episode=make_episode(rule=loud))
    for i in range(5):
        owe(hooks, "firing", {}, news=f"calm:{i}", episode=make_episode(rule=calm))
    assert [noise.flag_noisy_rules(), noise.flag_noisy_rules()] == [1, 0]
    task = NoisyRule.objects.get()
    assert (task.rule, task.most) == (loud, 11)
    assert [noise.close(task, "ann"), noise.close(task, "bob")] == [True, False]
    assert noise.flag_noisy_rules() == 1
