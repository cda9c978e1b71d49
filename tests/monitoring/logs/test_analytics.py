"""Counts by the minute, templates, new templates; late lines and restarts."""

from datetime import timedelta

import pytest
from django.db import connection
from psycopg import sql

from apps.core.timerange import TimeRange
from apps.monitoring.queries import loganalytics
from apps.monitoring.queries.loganalytics import Wish
from apps.monitoring.store import logroll
from tests.face.evidence import BANK, ERROR, INFO, NOW, WARN, line
from tests.face.evidence import store as add
from tests.rights import PermissionMatrix

MINUTE = NOW.replace(second=0) - timedelta(minutes=10)
LATER = NOW + timedelta(minutes=5)
RANGE = TimeRange(MINUTE, MINUTE + timedelta(minutes=5))


class TestWhoMayReadAnalytics(PermissionMatrix):
    path, permissions = "/admin/logs/analytics", ["monitoring.view_logrecord"]


def fill():
    at = MINUTE + timedelta(seconds=5)
    add(
        *[line(f"order {n} paid by user u{n}", at + timedelta(seconds=n)) for n in range(60)],
        *[line(f"order {n} refused", at, ERROR) for n in range(6)],
        line("stock is low", at + timedelta(minutes=2), WARN),
        line("vault opened", at, INFO)._replace(resource=BANK),
    )


@pytest.mark.django_db(transaction=True)
def test_counts_are_the_same_before_and_after_the_rollup_and_with_late_lines(store):
    fill()
    raw = loganalytics.volume(RANGE, 60, Wish())
    assert (raw.total, raw.errors, raw.partial) == (68, 6, False)
    assert logroll.roll_up(LATER).buckets == 3
    rolled = loganalytics.volume(RANGE, 60, Wish())
    assert rolled == raw
    assert loganalytics.services(rolled) == [("evidence-shop", 67, 6), ("evidence-bank", 1, 0)]

    add(line("order 99 paid by user u99", MINUTE + timedelta(seconds=30)))
    assert loganalytics.volume(RANGE, 60, Wish()).total == 69
    logroll.roll_up(LATER)
    logroll.roll_up(LATER)
    assert loganalytics.volume(RANGE, 60, Wish()).total == 69
    assert loganalytics.volume(RANGE, 300, Wish("evidence-shop", "error")).total == 6
    assert loganalytics.volume(RANGE, 60, Wish("nobody")).total == 0


@pytest.mark.django_db(transaction=True)
def test_templates_are_counted_and_new_ones_told_apart(store, rows):
    fill()
    logroll.roll_up(LATER)
    top = loganalytics.templates(RANGE, Wish())
    assert [(use.text, use.n) for use in top[:2]] == [
        ("order <*> paid by user <*>", 60), ("order <*> refused", 6),
    ]  # fmt: skip
    assert top[0].search == '"paid by user" "order"'
    assert top[0].first_seen == MINUTE + timedelta(seconds=5)
    new = loganalytics.templates(RANGE, Wish(), new=True)
    assert [use.level for use in new] == ["error", "warn", "info", "info"]

    later = TimeRange(MINUTE + timedelta(minutes=2), RANGE.end)
    assert [use.text for use in loganalytics.templates(later, Wish(), new=True)] == ["stock is low"]
    # A worker that starts anew finds the same templates again.
    add(line("order 1234 paid by user zoe", MINUTE + timedelta(minutes=3)))
    logroll.roll_up(LATER)
    assert rows("SELECT count(*) FROM tm_log_template") == [(4,)]
    assert loganalytics.known_since() == MINUTE


@pytest.mark.django_db(transaction=True)
def test_a_loud_minute_is_read_in_part_and_says_so(store, monkeypatch):
    add(*[line(f"tick {n}", MINUTE + timedelta(milliseconds=n)) for n in range(4000)])
    monkeypatch.setattr(logroll, "MOST_READ", 500)
    logroll.roll_up(LATER)
    (use,) = loganalytics.templates(RANGE, Wish())
    assert use.estimated
    assert 3000 < use.n < 5000
    assert loganalytics.volume(RANGE, 60, Wish()).total == 4000


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_counted_in_time_is_told(store, monkeypatch):
    fill()
    logroll.roll_up(LATER)
    add(line("late", MINUTE))
    slow = sql.SQL("pg_sleep(9) IS NOT NULL")
    monkeypatch.setattr(loganalytics, "between", lambda column, spans: slow)
    monkeypatch.setattr(loganalytics, "_RAW_MS", 100)
    found = loganalytics.volume(RANGE, 60, Wish())
    # The minute with the late line is counted by nobody; the others are.
    assert (found.partial, found.total) == (True, 6)


@pytest.mark.django_db(transaction=True)
def test_the_api_tells_all_of_it(store, reader):
    fill()
    logroll.roll_up(LATER)
    asked = {"from": RANGE.start.isoformat(), "to": RANGE.end.isoformat(), "top": 2}
    told = reader.get("/admin/logs/analytics", asked).json()
    assert (told["total"], told["error_lines"], told["step_s"]) == (68, 6, 60)
    assert told["error_rate"] == pytest.approx(6 / 68)
    assert told["volume"][0]["levels"] == {"info": 55 + 1, "error": 6}
    assert len(told["templates"]) == 2
    search = {key: value for key, value in asked.items() if key != "top"}
    found = reader.get("/admin/logs/search", {**search, "text": told["templates"][1]["search"]})
    assert len(found.json()["items"]) == 6
    assert reader.get("/admin/logs/analytics", {"level": "loud"}).status_code == 400
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_log_1m")
    assert reader.get("/admin/logs/analytics", {"from": "now-30d"}).json()["total"] == 0
