"""The audit trail: every change leaves an entry, nobody edits one, no secret is in one."""

import json
import os
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.models import Channel, Rule
from apps.alerts.services import channels, rules
from apps.core import audited, caller, request_id
from apps.core.models import ApiKey, AuditEntry
from apps.core.services import apikeys, audit
from apps.core.tasks import prune_audit
from apps.monitoring.models import Probe
from tests.conftest import STAFF_PASSWORD

pytestmark = pytest.mark.django_db


def trail(**wanted):
    return list(AuditEntry.objects.filter(**wanted).order_by("id"))


def last():
    return AuditEntry.objects.order_by("-id").first()


def test_an_entry_holds_who_what_where_and_which_request():
    token = request_id.bind("abcdefgh-1")
    try:
        entry = audit.record("ann", "thing.change", "a thing", {"n": 1}, {"n": 2})
    finally:
        request_id.release(token)
    entry.refresh_from_db()
    assert (entry.actor, entry.action, entry.target) == ("ann", "thing.change", "a thing")
    assert (entry.before, entry.after, entry.request_id) == ({"n": 1}, {"n": 2}, "abcdefgh-1")
    assert timezone.now() - entry.at < timedelta(minutes=1)


def test_a_secret_the_caller_forgot_to_mask_is_masked():
    entry = audit.record(
        "ann", "thing.change", "a thing", {"password": "hunter2", "deep": {"api_key": "hunter2"}},
        {"url": "postgres://ann:hunter2@db/x", "list": [{"token": "hunter2"}]},
    )  # fmt: skip
    entry.refresh_from_db()
    assert "hunter2" not in json.dumps([entry.before, entry.after])


@given(
    st.text(),
    st.dictionaries(st.text(), st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.datetimes(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8,
    ), max_size=4),
)  # fmt: skip
def test_whatever_is_recorded_can_be_stored(text, state):
    entry = audit.record(text, text, text, state, None)
    entry.refresh_from_db()
    assert entry.actor


def test_an_entry_is_lost_with_the_change_it_tells_of():
    def twice():
        Group.objects.create(name="ops")
        Group.objects.create(name="ops")

    with pytest.raises(IntegrityError), transaction.atomic():
        twice()
    assert not trail(action="group.create")


@pytest.mark.parametrize(
    "edit",
    [lambda rows: rows.update(actor="bob"), lambda rows: rows.delete()],
    ids=["update", "delete"],
)
def test_the_database_itself_refuses_to_edit_history(edit):
    audit.record("ann", "thing.change", "a thing")
    with pytest.raises(DatabaseError, match="not edited"), transaction.atomic():
        edit(AuditEntry.objects.all())
    assert last().actor == "ann"


def test_only_the_retention_deletes_and_only_what_is_old(settings):
    old = timezone.now() - timedelta(days=settings.PHAROS_AUDIT_DAYS, minutes=1)
    AuditEntry.objects.create(at=old, actor="ann", action="thing.change", target="old")
    audit.record("ann", "thing.change", "new")
    assert prune_audit() == 1
    assert [entry.target for entry in trail(action="thing.change")] == ["new"]
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_keys_are_audited_without_their_hash():
    key, secret = apikeys.create("ci", ["read"], None, "premium")
    apikeys.revoke(key.prefix)
    assert not apikeys.revoke(key.prefix)
    key.delete()
    entries = [e for e in trail() if e.action.startswith("apikey.")]
    assert [e.action for e in entries] == ["apikey.create", "apikey.revoke", "apikey.delete"]
    assert entries[0].after["tier"] == "premium"
    told = json.dumps([[e.target, e.before, e.after] for e in entries])
    assert secret.partition(".")[2] not in told
    assert ApiKey.objects.count() == 0
    assert key.hashed_key not in told


def test_the_command_line_is_named():
    with caller.acting_as("console:ann"):
        call_command("apikey", "ci", "--scope", "read", "--tier", "premium",
                     stdout=StringIO(), stderr=StringIO())  # fmt: skip
    assert (last().action, last().actor) == ("apikey.create", "console:ann")
    assert ApiKey.objects.get().tier == "premium"


def test_a_new_target_of_a_channel_is_told_and_not_shown():
    channel = channels.ensure("webhook", "https://hooks.example.com/s3cr3t-one")
    channels.set_target(channel, "https://hooks.example.com/s3cr3t-two")
    channel.save()
    entries = [e for e in trail() if e.action.startswith("channel.")]
    assert [e.action for e in entries] == ["channel.create", "channel.update"]
    assert set(entries[1].after) >= {"sealed_target", "target_hash"}
    told = json.dumps([[e.before, e.after] for e in entries])
    assert "s3cr3t" not in told
    assert channel.sealed_target.sealed not in told


def test_rules_are_audited_with_what_changed_and_nothing_else():
    rule = Rule(name="CPU", metric="cpu", warning=0.5, critical=0.9)
    rules.save(rule, "ann", before=None)
    before = rules.snapshot(rule)
    rule.warning = 0.7
    rules.save(rule, "bob", before=before)
    rules.switch([rule], "bob", on=False)
    rules.delete(rule, "ann")
    entries = [e for e in trail(target="CPU") if e.action.startswith("rule.")]
    assert [(e.actor, e.action) for e in entries] == [
        ("ann", "rule.create"), ("bob", "rule.update"), ("bob", "rule.update"),
        ("ann", "rule.delete"),
    ]  # fmt: skip
    assert (entries[1].before, entries[1].after) == ({"warning": 0.5}, {"warning": 0.7})
    assert (entries[2].before, entries[2].after) == ({"enabled": True}, {"enabled": False})


def test_a_password_is_told_to_be_new_and_never_shown(staff):
    staff.set_password("another one entirely")
    staff.save()
    assert last().action == "user.update"
    assert last().before == {"password": "***"}
    assert last().after == {"password": "***"}


def test_a_login_time_is_nobodys_decision(staff):
    count = AuditEntry.objects.filter(action="user.update").count()
    staff.last_login = timezone.now()
    staff.save()
    assert AuditEntry.objects.filter(action="user.update").count() == count


def test_rights_given_and_taken_are_told_from_either_side(staff):
    group = Group.objects.create(name="ops")
    staff.groups.add(group)
    assert (last().action, last().target) == ("user.update", "staff")
    assert (last().before, last().after) == ({"groups": []}, {"groups": ["ops"]})
    group.user_set.clear()
    assert (last().action, last().target) == ("group.update", "ops")
    assert list(last().after.values()) == [[]]
    permission = Permission.objects.get(codename="view_probe")
    group.permissions.set([permission])
    assert (last().action, last().after) == ("group.update", {"permissions": [str(permission)]})


def test_signing_in_failing_and_leaving_are_told(staff):
    client = Client()
    client.post("/admin/login/", {"username": "staff", "password": "wrong"})
    client.post("/admin/login/", {"username": "my secret typed here", "password": "x"})
    client.post("/admin/login/", {"username": "staff", "password": STAFF_PASSWORD})
    client.post("/admin/logout/")
    entries = [e for e in trail() if e.action.startswith("login.")]
    assert [e.action for e in entries] == [
        "login.failure", "login.failure", "login.success", "login.end",
    ]  # fmt: skip
    assert entries[0].target == "staff"
    assert entries[1].target.startswith("unknown:")
    assert {e.remote_address for e in entries} == {"127.0.0.1"}
    assert all(e.request_id for e in entries)


def read_only(model_admin, request):
    return not (
        model_admin.has_add_permission(request)
        or model_admin.has_change_permission(request)
        or model_admin.has_delete_permission(request)
    )


def test_no_table_the_admin_can_change_escapes(rf, staff):
    """Rules record themselves; every other table with a writable page is watched."""
    request = rf.get("/admin/")
    request.user = staff
    writable = {
        model for model, page in admin.site._registry.items() if not read_only(page, request)
    }
    assert writable - set(audited.watched()) == {Rule}


# Actions that change nothing but send something, or only the rows of another, audited, verb.
ACTIONS = {
    "delete_selected", "revoke", "new_secret", "enable", "disable",
    "enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks", "send_test", "resend",
    "try_out", "preview",
    # What is done to alerts, and to whom they page, keeps rows of its own with who and when.
    "acknowledge", "let_go", "end_now", "close", "new_token",
}  # fmt: skip


def test_no_action_of_the_admin_is_new_to_these_tests(rf, staff):
    request = rf.get("/admin/")
    request.user = staff
    known = {name for page in admin.site._registry.values() for name in page.get_actions(request)}
    assert known <= ACTIONS


def act(client, model, action, *rows):
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url, {**chosen, "post": "yes"})


@pytest.fixture
def task(db):
    every = IntervalSchedule.objects.create(every=5, period="seconds")
    return PeriodicTask.objects.create(name="mine", task="celery.ping", interval=every)


@pytest.mark.parametrize(
    ("action", "enabled"),
    [("disable_tasks", False), ("toggle_tasks", False)],
)
def test_switching_scheduled_tasks_is_told(staff_client, task, action, enabled):
    act(staff_client, PeriodicTask, action, task)
    assert (last().actor, last().action, last().target) == ("staff", "periodictask.update", "mine")
    assert last().after == {"enabled": enabled}
    act(staff_client, PeriodicTask, "enable_tasks", task)
    assert last().after == {"enabled": True}


def test_a_change_by_the_admins_form_is_told_with_who_and_from_where(staff_client):
    probe = Probe.objects.create(name="p", url="http://example.com/")
    values = {
        "name": "p", "url": "http://example.com/new", "method": "GET", "expected_status": 200,
        "timeout_s": 5, "interval_s": 30, "enabled": "on",
    }  # fmt: skip
    url = reverse("admin:monitoring_probe_change", args=[probe.pk])
    assert staff_client.post(url, values).status_code == 302
    entry = last()
    assert (entry.actor, entry.action, entry.target) == ("staff", "probe.update", "p")
    assert entry.before == {"url": "http://example.com/"}
    assert entry.after == {"url": "http://example.com/new"}
    assert entry.remote_address == "127.0.0.1"
    assert entry.request_id


def test_changing_ones_own_password_is_told(staff_client):
    new = "another correct horse"
    answer = staff_client.post(
        "/admin/password_change/",
        {"old_password": STAFF_PASSWORD, "new_password1": new, "new_password2": new},
    )
    assert answer.status_code == 302
    (entry,) = trail(action="user.update")
    assert (entry.actor, entry.target, entry.after) == ("staff", "staff", {"password": "***"})


def test_whoever_has_no_name_at_a_terminal_is_told_by_number(monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(caller.getpass, "getuser", nobody)
    assert caller.console() == f"console:{os.getuid()}"


def test_beat_at_work_leaves_no_entries(task):
    before = AuditEntry.objects.count()
    task.last_run_at, task.total_run_count = timezone.now(), 7
    task.save()
    assert AuditEntry.objects.count() == before


def test_deleting_many_at_once_tells_of_each(staff_client):
    made = [Probe.objects.create(name=f"p{n}", url="http://example.com/") for n in range(3)]
    act(staff_client, Probe, "delete_selected", *made)
    assert not Probe.objects.exists()
    gone = trail(action="probe.delete")
    assert sorted(e.target for e in gone) == ["p0", "p1", "p2"]
    assert {e.actor for e in gone} == {"staff"}


def test_actions_on_keys_and_channels_are_told(staff_client):
    key, _ = apikeys.create("ci", ["read"])
    act(staff_client, ApiKey, "revoke", key)
    assert (last().actor, last().action) == ("staff", "apikey.revoke")
    channel = channels.ensure("webhook", "https://hooks.example.com/s3cr3t")
    act(staff_client, Channel, "new_secret", channel)
    assert (last().action, last().after) == ("channel.update", {"sealed_secret": "***"})


def test_the_admin_shows_the_log_and_lets_nobody_touch_it(staff_client):
    entry = audit.record("ann", "thing.change", "<script>alert(1)</script>", {"n": 1}, {"n": 2})
    url = reverse("admin:core_auditentry_changelist")
    page = staff_client.get(url, {"q": "thing."}).content.decode()
    assert "n: 1 → 2" in page
    assert "<script>alert" not in page
    for wrong in ("remote_address=abc", "remote_address__in=::1,x", "remote_address=%00"):
        assert staff_client.get(f"{url}?{wrong}").status_code == 400, wrong
    assert staff_client.get(f"{url}?remote_address__in=::1,10.0.0.1").status_code == 200
    one = reverse("admin:core_auditentry_change", args=[entry.pk])
    assert staff_client.get(one).status_code == 200
    assert staff_client.post(one, {"actor": "bob"}).status_code == 403
    assert staff_client.get(reverse("admin:core_auditentry_add")).status_code == 403
    assert staff_client.post(
        reverse("admin:core_auditentry_delete", args=[entry.pk]), {"post": "yes"}
    ).status_code == 403  # fmt: skip
    assert act(staff_client, AuditEntry, "delete_selected", entry).status_code in (302, 403, 200)
    assert AuditEntry.objects.filter(pk=entry.pk, actor="ann").exists()


def test_who_may_not_read_the_log_does_not(db):
    client = Client()
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(reverse("admin:core_auditentry_changelist")).status_code == 403


def test_what_a_fixture_brings_in_is_in_the_trail(tmp_path):
    """Else `loaddata` would be the quiet way to a superuser."""
    row = {"username": "mallory", "is_superuser": True, "is_staff": True, "password": "s3cr3t-hash"}
    fixture = tmp_path / "people.json"
    fixture.write_text(json.dumps([{"model": "auth.user", "pk": 4711, "fields": row}]))
    call_command("loaddata", str(fixture), verbosity=0)
    entry = AuditEntry.objects.get(action="user.load")
    assert (entry.target, entry.after["is_superuser"]) == ("mallory", True)
    assert "s3cr3t" not in json.dumps(entry.after)
