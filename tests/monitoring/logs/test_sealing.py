"""Late indexes: built once, used by searches, gone when something better stands."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apps.core.timerange import TimeRange
from apps.monitoring.queries import logs, logwindows
from apps.monitoring.queries.logs import LogFilter
from apps.monitoring.store import sealing
from tests.face.evidence import line
from tests.face.evidence import store as add

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
PARTITION = f"tm_log_p{DAY:%Y%m%d}"
ENDED = DAY + timedelta(days=1) + sealing.SETTLE


@pytest.fixture
def indexes(rows):
    """The late indexes of yesterday's partition, with their validity; dropped at the end."""

    def there():
        return dict(
            rows(
                "SELECT c.relname, x.indisvalid FROM pg_index x JOIN pg_class c"
                " ON c.oid = x.indexrelid WHERE x.indrelid = %s::regclass"
                " AND c.relname ~ '_(body|attrs)$'",
                PARTITION,
            )
        )

    yield there
    for name in there():
        rows(f'DROP INDEX "{name}"')


def test_a_day_is_indexed_by_hours_while_it_grows_and_whole_when_it_is_over(
    indexes, rows, monkeypatch
):
    monkeypatch.setattr(sealing, "LARGE_BYTES", 0)
    add(*[line(f"early {n}", DAY + timedelta(minutes=n)) for n in range(90)])
    sealing.seal(DAY + timedelta(hours=2, minutes=20))
    by_hour = {f"{PARTITION}_h{hour}_{on}" for hour in ("00", "01") for on in ("body", "attrs")}
    assert indexes() == dict.fromkeys(by_hour, True)
    assert not set(sealing.seal(DAY + timedelta(hours=2, minutes=20)).built) & by_hour

    # A build that was killed leaves an index that is no good.
    rows("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
         f"{PARTITION}_h00_body")  # fmt: skip
    assert sealing.seal(DAY + timedelta(hours=2, minutes=20)).built == [f"{PARTITION}_h00_body"]

    done = sealing.seal(ENDED)
    assert by_hour <= set(done.dropped)
    assert indexes() == {f"{PARTITION}_body": True, f"{PARTITION}_attrs": True}


def test_a_search_of_an_indexed_day_reads_the_index_and_finds_the_same(indexes, rows):
    add(*[line(f"line {n} of many", DAY + timedelta(seconds=n), n=n, odd=n % 2 == 1)
          for n in range(3000)])  # fmt: skip
    day = TimeRange(DAY, DAY + timedelta(days=1))
    wishes = [
        LogFilter(text='"line 777 of"'), LogFilter(attrs=(("n", "777"),)),
        LogFilter(text="line -7 -8 -9", attrs=(("odd", "true"),)), LogFilter(text="nowhere"),
    ]  # fmt: skip
    before = [[row.body for row in logs.search(day, wish).rows] for wish in wishes]
    sealing.seal(ENDED)
    assert [[row.body for row in logs.search(day, wish).rows] for wish in wishes] == before
    assert before[0] == before[1] == ["line 777 of many"]
    assert before[2]
    assert before[3] == []

    plans = {
        "body": "body ILIKE '%777%'",
        "attrs": """attrs @> '{"n":777}' OR attrs @> '{"n":"777"}'""",
    }
    for on, condition in plans.items():
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(f"EXPLAIN SELECT * FROM {PARTITION} WHERE {condition}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert f"{PARTITION}_{on}" in plan


def test_a_line_is_found_after_its_partition_was_written_anew(store, rows):
    add(*[line(f"line {n}", DAY + timedelta(hours=5)) for n in range(40)])
    day = TimeRange(DAY, DAY + timedelta(days=1))
    first = logs.search(day, LogFilter(), limit=15)
    # Half of them go, and what stays lies elsewhere.
    rows(f"CREATE TEMP TABLE aside AS SELECT * FROM {PARTITION} ORDER BY ts, ctid")
    rows(f"TRUNCATE {PARTITION}")
    rows(f"INSERT INTO {PARTITION} SELECT * FROM aside WHERE right(body, 1) ~ '[13579]'")
    rows("DROP TABLE aside")
    rest = logs.search(day, LogFilter(), after=first.next)
    assert [row.body for row in rest.rows] == [f"line {n}" for n in range(23, 0, -2)]
    assert logs.line(first.rows[0].place).body == "line 39"
    assert logs.line(first.rows[1].place) is None


def test_windows_over_a_growing_day_stay_inside_an_hour_and_leave_nothing_out():
    now = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    asked = TimeRange(
        datetime(2026, 2, 1, 7, 7, tzinfo=UTC), datetime(2026, 3, 5, 9, 29, 59, tzinfo=UTC)
    )
    found = list(logwindows.windows(asked, now))
    assert found[0].end == asked.end
    assert found[-1].start == asked.start
    assert all(a.start == b.end for a, b in itertools.pairwise(found))
    young = [window for window in found if window.start >= datetime(2026, 3, 5, tzinfo=UTC)]
    assert all(w.start.hour == (w.end - timedelta(microseconds=1)).hour for w in young)
    assert len(found) < 60
    distant = TimeRange(asked.start, datetime(2199, 1, 1, tzinfo=UTC))
    assert len(list(logwindows.windows(distant, now))) < 60
