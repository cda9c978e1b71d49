"""Sampling policies: previewed, enabled as previewed, one at a time; what is kept is told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from apps.core.errors import ConflictError
from apps.core.models import AuditEntry
from apps.monitoring.models import LegalHold, SamplingPolicy
from apps.monitoring.queries.retention import retention
from apps.monitoring.services import keeping, sampling
from tests.monitoring.keep.conftest import DAY, log, put, rolled_up, span

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def recent(**over):
    return span(datetime.now(UTC) - timedelta(minutes=5), **over)


@pytest.fixture
def client(store):
    """Signed in as a superuser."""
    User.objects.filter(username="keeper").delete()
    browser = Client()
    browser.force_login(User.objects.create_superuser("keeper"))
    yield browser
    User.objects.filter(username="keeper").delete()


def test_a_preview_counts_what_would_be_kept_by_which_reason_and_changes_nothing(rows):
    policy = SamplingPolicy.objects.create(
        name="p", slow_quantile=None, keep_first_seen=False, share=0.25
    )
    put(
        recent(status=2, share=0.1), recent(ms=2000, status=2), recent(share=0.9), recent(share=0.2)
    )
    told = sampling.preview(policy)
    assert (told.traces, told.kept_traces, told.spans, told.kept_spans) == (4, 3, 4, 3)
    assert told.judged == 1.0
    assert {reason: n for reason, n in told.reasons.items() if n} == {
        "error": 2, "slow": 1, "share": 1
    }  # fmt: skip
    assert 0 < told.day_bytes < told.total_bytes < told.bytes_without
    assert rows("SELECT count(*), count(weight) FROM tm_span") == [(4, 0)]
    assert policy.preview["kept_traces"] == 3


def test_a_large_day_is_previewed_by_a_part_of_its_traces(monkeypatch):
    monkeypatch.setattr(sampling, "_rows", lambda *_: sampling._MOST_SPANS * 4)
    policy = SamplingPolicy.objects.create(name="p", share=1)
    put(*(recent() for _ in range(2000)))
    told = sampling.preview(policy)
    assert told.judged == 0.25
    # Six standard deviations of what a quarter of 2,000 may be.
    assert told.kept_traces == told.traces
    assert abs(told.traces - 2000) < 470


def test_only_what_was_previewed_can_be_enabled_and_one_policy_at_a_time():
    one = SamplingPolicy.objects.create(name="one")
    two = SamplingPolicy.objects.create(name="two")
    with pytest.raises(ConflictError):
        sampling.enable(one)
    for policy in (one, two):
        sampling.preview(policy)
    sampling.enable(one)
    sampling.enable(two)
    assert list(SamplingPolicy.objects.filter(enabled=True)) == [two]
    one.refresh_from_db()
    one.share = 0.5
    one.save()
    with pytest.raises(ConflictError):
        sampling.enable(one)
    sampling.preview(one)
    old = one.previewed_at - timedelta(hours=25)
    SamplingPolicy.objects.filter(pk=one.pk).update(previewed_at=old)
    with pytest.raises(ConflictError):
        sampling.enable(one)
    sampling.disable(two)
    assert sampling.plan().interest is None
    actions = list(
        AuditEntry.objects.filter(action__endswith="able").order_by("id").values_list(
            "action", "target"
        )
    )  # fmt: skip
    assert actions == [
        ("samplingpolicy.enable", "one"), ("samplingpolicy.disable", "one"),
        ("samplingpolicy.enable", "two"), ("samplingpolicy.disable", "two"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"keep_days": 2, "hot_h": 72}, {"attributes": "=x"}, {"attributes": "k\n" * 21},
     {"share": 1.5}, {"hot_h": 1}, {"slow_quantile": 2}],
)  # fmt: skip
def test_a_policy_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        SamplingPolicy(name="p", **wrong).full_clean()


def test_retention_tells_every_tier_of_every_day(client, tmp_path, settings, rows):
    settings.PHAROS_ARCHIVE_DIR = tmp_path
    LegalHold.objects.create(
        name="case", service="shop", start=DAY, end=DAY + timedelta(hours=1), reason="r"
    )
    policy = SamplingPolicy.objects.create(name="errors", share=0, hot_h=24, keep_days=200)
    sampling.preview(policy)
    sampling.enable(policy)
    put(span(status=2), span(name="b"), log(), log(at=DAY + timedelta(days=1)))
    rolled_up()
    rows("ANALYZE tm_span; ANALYZE tm_log")
    keeping.keep(DAY + timedelta(days=2, hours=1))
    keeping.keep(DAY + timedelta(days=32))
    keeping.keep(DAY + timedelta(days=92))
    found = {(day.signal, day.day): day for day in retention().days}
    thinned = found["spans", DAY.date()]
    assert (thinned.tier, thinned.rows, thinned.rows_before, thinned.held) == ("kept", 2, 2, True)
    archived = found["logs", DAY.date()]
    assert (archived.tier, archived.rows, archived.held) == ("archived", 1, True)
    body = client.get("/admin/monitoring/retention").json()
    assert body["archive_bytes"] == sum(
        d.size_bytes for d in found.values() if d.tier == "archived"
    )
    assert {table["table"] for table in body["tables"]} >= {"tm_span", "tm_sample"}
    assert body["policies"][0]["preview"]["traces"] == 0
    first = client.get("/admin/monitoring/retention/days?page_size=1&signal=logs").json()
    rest = client.get(
        f"/admin/monitoring/retention/days?page_size=1&signal=logs&cursor={first['next_cursor']}"
    ).json()
    days = [item["day"] for item in first["items"] + rest["items"]]
    assert days == [f"{DAY + timedelta(days=1):%Y-%m-%d}", f"{DAY:%Y-%m-%d}"]


def test_the_page_shows_days_policies_holds_and_leads_on(client, django_assert_max_num_queries):
    policy = SamplingPolicy.objects.create(name="errors <first>")
    LegalHold.objects.create(name="case", start=DAY, end=DAY + timedelta(hours=1), reason="r")
    put(recent(status=2))
    sampling.preview(policy)
    with django_assert_max_num_queries(25):
        answer = client.get("/admin/retention/?signal=spans")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "errors &lt;first&gt;" in text
    assert "signal=spans" in text
    assert ">case<" in text
    assert "1 / 1" in text
    assert client.get("/admin/retention/?signal=%22%3E").status_code == 200


def test_the_admin_previews_enables_and_locks_a_policy(client):
    policy = SamplingPolicy.objects.create(name="p")
    url = "/admin/monitoring/samplingpolicy/"

    def do(action):
        form = {"action": action, "_selected_action": [policy.pk]}
        return client.post(url, form, follow=True).content.decode()

    assert "Preview the policy" in do("enable")
    assert "previewed" in do("preview")
    assert "p is on" in do("enable")
    page = client.get(f"{url}{policy.pk}/change/").content.decode()
    assert 'name="share"' not in page
    assert client.get(f"{url}{policy.pk}/delete/").status_code == 403
    assert "p is off" in do("disable")
    hold = {
        "name": "case", "service": "", "reason": "r", "active": "on", "start_0": "2026-01-01",
        "start_1": "00:00", "end_0": "2026-02-01", "end_1": "00:00",
    }  # fmt: skip
    client.post("/admin/monitoring/legalhold/add/", hold)
    assert LegalHold.objects.get().created_by == "keeper"
    assert client.get("/admin/monitoring/logarchive/").status_code == 200
