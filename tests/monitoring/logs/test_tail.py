"""Following lines as they are committed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.core.live import access, find, topics
from apps.monitoring.api import log_tail
from apps.monitoring.queries import tail
from apps.monitoring.queries.logs import LogFilter
from apps.monitoring.queries.tail import Tail
from apps.monitoring.store import connect
from tests.face.evidence import ERROR, NOW, line
from tests.face.evidence import store as add

pytestmark = pytest.mark.django_db(transaction=True)


def bodies(told):
    return [row["body"] for row in told["lines"]]


def test_lines_come_once_in_the_order_of_their_arrival_whatever_their_time(store):
    follow = Tail(LogFilter("evidence-shop", "error"))
    add(line("before", severity=ERROR), line("not asked for"))
    first = follow.read()
    assert (bodies(first), first["seen"]) == (["before"], 1)
    assert follow.read() == first

    add(line("late", NOW - timedelta(hours=20), ERROR), line("quiet"))
    add(line("early", NOW + timedelta(minutes=1), ERROR))
    second = follow.read()
    assert set(bodies(second)) == {"before", "late", "early"}
    assert [row["n"] for row in second["lines"]] == [1, 2, 3]
    add(line("next", severity=ERROR))
    assert bodies(follow.read())[-1] == "next"


def test_what_is_too_much_to_show_is_counted(store):
    follow = Tail(LogFilter("evidence-shop"))
    follow.read()
    add(*[line(f"line {n}") for n in range(1000)])
    told = follow.read()
    assert told["seen"] == 1000
    assert bodies(told) == [f"line {n}" for n in range(800, 1000)]
    assert told["lines"][0]["n"] == 801
    add(*[line(f"more {n}") for n in range(300)])
    told = follow.read()
    # Also what was told before: a viewer may have missed that message.
    assert (told["seen"], len(told["lines"])) == (1300, 400)


def test_lines_of_a_transaction_that_ends_late_are_not_lost(store):
    follow = Tail(LogFilter(text="slow"))
    add(line("there from the beginning"))
    follow.read()
    copy = ("INSERT INTO tm_log SELECT ts, observed_ts, resource_id, severity, trace_id, span_id,"
            " %s, attrs FROM tm_log LIMIT 1")  # fmt: skip
    with connect.open_connection("test", 10) as raw:
        raw.execute(copy, ["slow one"])
        add(*[line(f"slow {n}") for n in range(500)])
        assert follow.read()["seen"] == 500
        raw.commit()
    assert bodies(follow.read())[-1] == "slow one"
    assert follow.read()["seen"] == 501


def test_a_partition_written_anew_brings_nothing_twice(store):
    add(*[line(f"line {n}" + "x" * 500) for n in range(200)])
    follow = Tail(LogFilter())
    seen = follow.read()["seen"]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tm_log WHERE right(body, 1) <> 'y'")
        cursor.execute(f"VACUUM tm_log_p{NOW:%Y%m%d}")
    assert follow.read()["seen"] == seen


def test_a_flood_is_told_as_a_gap(store, monkeypatch):
    follow = Tail(LogFilter())
    follow.read()
    monkeypatch.setattr(tail, "_MOST_BLOCKS", 2)
    monkeypatch.setattr(tail, "_LEAST_BLOCKS", 1)
    add(*[line("x" * 1000) for _ in range(100)])
    told = follow.read()
    assert told["gap"]
    assert 0 < told["seen"] < 100


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("logs", True), ("logs?level=error", True), ("logs?level=loud", False), ("logs:x", False),
        ("logs?colour=red", False), (f"logs?trace={'ab' * 16}", True), ("logs?trace=1", False),
        ("logs?attr=a%3Ab&service=shop&text=-x", True), ("logs?attr=a", False),
    ],
)  # fmt: skip
def test_only_filters_of_the_search_are_topics(name, there):
    log_tail.register()
    found = find(topics.canonical(name) or "")
    assert (found is not None) == there
    if found:
        assert found.permission == "monitoring.view_logrecord"


def test_who_may_not_read_lines_may_not_follow_them(db):
    person = User.objects.create_user("ann", is_staff=True)
    assert not access.may_watch(person, "monitoring.view_logrecord")
