"""Each planted bottleneck is found with its cause, and healthy requests are left alone."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.bottlenecks import trace as trace_module
from apps.monitoring.bottlenecks.detectors.locks import locked_table
from apps.monitoring.bottlenecks.detectors.patterns import runs
from apps.monitoring.bottlenecks.finding import examine
from apps.monitoring.bottlenecks.trace import Row, Trace
from tests.monitoring.bottlenecks.making import (
    CONSUMER,
    PRODUCER,
    code,
    db,
    found,
    http,
    kinds,
    server,
    trace,
)

SOURCE = "SELECT * FROM shop_event WHERE starts_at >= %s ORDER BY starts_at"
VENUE = "SELECT * FROM shop_venue WHERE id = %s"
CITY = "SELECT * FROM shop_city WHERE id = %s"


def listing(*between, calls=30, each=3.0, source=True):
    children = [db(SOURCE, 5)] if source else []
    for _ in range(calls):
        children += [*between, db(VENUE, each)]
    return server("GET /events", 20 + calls * (each + 2), *children)


def test_a_query_for_each_row_is_one_finding_with_its_source_and_gain():
    (one,) = found(listing())
    assert one.kind == "n_plus_1_db"
    assert one.facts["calls"] == 30
    assert one.facts["source"] == SOURCE
    assert one.lost_us == 29 * 3000
    assert "shop_venue" in one.subject


def test_connects_and_savepoints_between_the_repeats_break_no_run():
    between = (
        db("SAVEPOINT a1", 0.1), code("connect", 0.1, **{"db.system.name": "postgresql"}),
        code("render row", 0.1),
    )  # fmt: skip
    assert kinds(listing(*between)) == {"n_plus_1_db"}


def test_repeats_at_once_are_repeats_and_cost_only_what_was_waited_for():
    calls = [db(VENUE, 20).after(10) for _ in range(10)]
    (one,) = found(server("GET /events", 40, db(SOURCE, 5), *calls))
    assert one.kind == "n_plus_1_db"
    assert one.facts["at_once"]
    assert one.lost_us <= 1000


def test_repeats_below_different_callers_are_repeats():
    rows = [code("serialize", 6, db(VENUE, 5)) for _ in range(12)]
    (one,) = found(server("GET /events", 90, db(SOURCE, 5), *rows))
    assert one.facts["callers"] == 12


def test_interleaved_queries_in_one_order_are_one_repeated_group():
    children = [db(SOURCE, 5)]
    for _ in range(6):
        children += [db(VENUE, 6), db(CITY, 6)]
    (one,) = found(server("GET /events", 90, *children))
    assert one.kind == "mn_plus_1_db"
    assert one.facts["times"] == 6
    assert len(one.facts["pattern"]) == 2


def test_a_loop_has_one_name_wherever_its_run_begins():
    turns = [[db(VENUE, 10), db(CITY, 10)], [db(CITY, 10), db(VENUE, 10)]]
    names = {found(server("GET /e", 200, *(turn * 5)))[0].subject for turn in turns}
    assert len(names) == 1


def test_old_names_of_attributes_are_understood():
    old = {"db.system": "mysql", "db.statement": "SELECT * FROM venue WHERE id = 7"}
    calls = [
        code("SELECT", 5, kind=3, **{**old, "db.statement": f"SELECT * FROM venue WHERE id = {n}"})
        for n in range(12)
    ]
    assert kinds(server("GET /e", 100, *calls)) == {"n_plus_1_db"}


def test_few_or_cheap_repeats_are_no_bottleneck():
    assert kinds(listing(calls=4)) == set()
    assert kinds(listing(calls=30, each=0.05)) == set()


def test_a_slow_query_and_one_that_dominates_its_request_are_told():
    assert kinds(server("GET /a", 900, db(VENUE, 600))) == {"slow_db"}
    assert kinds(server("GET /a", 90, db(VENUE, 70))) == {"slow_db"}
    assert kinds(server("GET /a", 400, db(VENUE, 70))) == set()
    assert kinds(server("GET /a", 30, db(VENUE, 28))) == set()


def test_a_slow_call_names_what_its_service_spent_the_time_with():
    inner = server("GET /seats/{id}", 790, db("SELECT 1 FROM seats WHERE id = %s", 5)).by("stock")
    call = http("http://127.0.0.1:8021/seats/17", 800, inner.after(5))
    one, other = sorted(found(server("GET /events/{id}", 830, call)), key=lambda f: f.entry)
    assert one.kind == "slow_downstream"
    assert one.facts["culprit_service"] == "stock"
    assert one.subject == "GET 127.0.0.1:8021/seats/{id}"
    assert other.kind == "own_code"


def test_a_call_that_lasts_longer_than_it_was_served_was_queued():
    inner = server("GET /seats/{id}", 20).by("stock")
    call = http("http://stock/seats/17", 800, inner.after(700))
    assert "http_overhead" in kinds(server("GET /events/{id}", 830, call))


def test_similar_calls_are_n_plus_1_whatever_their_ids():
    calls = [http(f"http://stock/seats/{n}", 80) for n in range(6)]
    (one,) = found(server("GET /cart", 600, *calls))
    assert (one.kind, one.lost_us) == ("n_plus_1_api", 400_000)


def test_calls_and_queries_that_wait_for_each_other_are_told():
    calls = [http(f"http://{name}/x", 1100) for name in ("a", "b", "c")]
    assert "consecutive_http" in kinds(server("GET /x", 3400, *calls))
    reads = [db(f"SELECT count(*) FROM {name}", 120) for name in ("a", "b", "c")]
    assert "consecutive_db" in kinds(server("GET /x", 900, *reads))
    dependent = [db(f"SELECT * FROM {name} WHERE id = %s", 120) for name in ("a", "b", "c")]
    assert "consecutive_db" not in kinds(server("GET /x", 900, *dependent))


def test_a_large_answer_is_told_by_its_size():
    call = http("http://stock/all", 300, **{"http.response.body.size": 900_000})
    assert "large_payload" in kinds(server("GET /x", 320, call))
    small = http("http://stock/all", 300, **{"http.response.body.size": 9_000})
    assert "large_payload" not in kinds(server("GET /x", 320, small))


def test_own_code_is_told_only_where_no_child_explains_it():
    assert kinds(server("GET /report", 900, db(VENUE, 20))) == {"own_code"}
    assert kinds(server("GET /report", 900, code("render", 800))) == {"own_code"}
    assert kinds(code("nightly", 900, kind=CONSUMER)) == set()


def test_waits_in_line_are_told_by_what_is_waited_for():
    pool = code("pool.acquire", 60, **{"db.client.connection.pool.name": "default"})
    (one,) = found(server("GET /x", 100, pool, db(VENUE, 3)))
    assert (one.kind, one.subject, one.lost_us) == ("pool_wait", "default", 60_000)
    assert kinds(server("GET /x", 100, code("pg-pool.connect", 2), db(VENUE, 3))) == set()
    blocked = code("event loop blocked", 300, **{"code.function.name": "shop.quotes"})
    (lag,) = found(blocked)
    assert (lag.kind, lag.subject) == ("loop_lag", "shop.quotes")
    hop = code("sync_to_async read", 90, db(VENUE, 5).after(80))
    assert kinds(server("GET /x", 400, hop)) == {"sync_in_async"}


def test_a_job_waits_from_its_sending_to_its_start():
    job = code("run/mail", 20, kind=CONSUMER, **{"celery.queue.name": "mail"}).after(4000)
    sent = code("apply_async/mail", 1, job, kind=PRODUCER)
    (one,) = found(server("POST /orders", 30, sent))
    assert (one.kind, one.subject, one.lost_us) == ("queue_latency", "mail", 3_999_000)
    quick = code("apply_async/mail", 1, job.after(50), kind=PRODUCER)
    assert kinds(server("POST /orders", 30, quick)) == set()


def test_a_call_inside_a_transaction_leaves_it_idle():
    inside = code(
        "transaction", 460, db("UPDATE shop_event SET remaining = %s", 4),
        http("http://bank/charge", 400), db("INSERT INTO shop_booking VALUES (%s)", 3),
    )  # fmt: skip
    (one,) = [f for f in found(server("POST /bookings", 470, inside)) if "idle" in f.kind]
    assert one.facts["meanwhile"] == "GET bank/charge"
    assert one.facts["locks"] == ["shop_event"]
    marked = [db("BEGIN", 1), db("UPDATE a SET b = %s", 3), code("think", 350), db("COMMIT", 2)]
    assert "idle_in_transaction" in kinds(server("POST /x", 460, *marked))
    before = [http("http://bank/charge", 400), db("BEGIN", 1), db("UPDATE a SET b = %s", 3),
              db("COMMIT", 2)]  # fmt: skip
    assert "idle_in_transaction" not in kinds(server("POST /x", 460, *before))


def test_who_waits_for_a_lock_is_told_who_held_it():
    update = "UPDATE shop_event SET remaining = remaining - %s WHERE id = %s"
    holder = trace(server("POST /restock", 500, code("transaction", 495, db(update, 3))))
    waiter = trace(server("POST /bookings", 420, db(update, 400).after(5)), 90)
    (one,) = [f for f in found(holder, waiter) if f.kind == "lock_wait"]
    assert one.facts["holder"] == "POST /restock"
    assert one.facts["table"] == "shop_event"
    assert "slow_db" not in kinds(holder, waiter)
    # Nobody's transaction ended when this one went on: it is just slow.
    alone = trace(server("POST /bookings", 420, db(update, 400).after(5)), 5000)
    assert kinds(holder, alone) == {"slow_db", "idle_in_transaction"}


def test_the_same_answer_computed_at_once_is_a_stampede_and_not_just_slow():
    report = "SELECT category, sum(seats) FROM shop_booking GROUP BY category"
    crowd = [trace(server("GET /report", 130, db(report, 120)), n * 5) for n in range(5)]
    assert kinds(*crowd) == {"stampede"}
    values = [
        trace(server("GET /one", 130, db("SELECT * FROM a WHERE id = %s", 40)), n) for n in range(5)
    ]
    assert kinds(*values) == set()


def test_the_same_answer_read_by_every_request_is_cacheable():
    menu = "SELECT category, count(*) FROM shop_event GROUP BY category"
    visits = [trace(server("GET /events", 20, db(menu, 8)), n * 1000) for n in range(12)]
    assert kinds(*visits) == {"cacheable"}
    assert len(found(*visits)) == 11
    assert kinds(*visits[:9]) == set()


def test_failures_of_one_cause_are_told_once_they_are_more_than_chance():
    bad = [server("POST /b", 10).failed("PaymentError") for _ in range(4)]
    fine = [server("POST /b", 10) for _ in range(10)]
    told = found(*bad, *fine)
    assert {(f.kind, f.subject) for f in told} == {("errors", "PaymentError")}
    assert told[0].facts["requests"] == 14
    assert kinds(*bad[:2], *fine) == set()
    assert kinds(*bad, *fine * 10) == set()


def test_healthy_traffic_raises_no_alarm():
    seats = http("http://stock/seats/3", 12, server("GET /seats/{id}", 8, db(VENUE, 1)).by("stock"))
    healthy = [
        server("GET /events", 14, db(SOURCE, 4)),
        server("GET /events/{id}", 22, db(VENUE, 2), seats),
        server("POST /bookings", 20, code("transaction", 15, db("UPDATE a SET b = %s", 2),
                                          db("INSERT INTO c VALUES (%s)", 2))),
        server("GET /analysis", 5, code("GET", 1, **{"db.system": "redis"})),
        code("apply_async/mail", 2, code("run/mail", 30, kind=CONSUMER).after(20), kind=PRODUCER),
    ]  # fmt: skip
    assert found(*[trace(call, n * 50) for n in range(20) for call in healthy]) == []


def test_statements_that_lock_are_known_by_their_table():
    assert locked_table('UPDATE "shop_event" SET x = ?') == "shop_event"
    assert locked_table("SELECT * FROM a.b WHERE id = ? FOR NO KEY UPDATE") == "a.b"
    assert locked_table("DELETE FROM ONLY t") == "t"
    assert locked_table("SELECT * FROM t WHERE note = ?") is None


@given(st.lists(st.sampled_from("ABCD"), max_size=80), st.integers(2, 8), st.integers(2, 5))
def test_runs_are_what_they_say_and_never_overlap(items, longest, times):
    taken: set[int] = set()
    for run in runs(items, longest, times):
        pattern = items[run.first : run.first + run.length]
        where = range(run.first, run.first + run.length * run.times)
        assert list(items[where.start : where.stop]) == pattern * run.times
        assert run.times >= times
        assert len(set(pattern)) > 1
        assert not taken & set(where)
        taken |= set(where)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ('SELECT a FROM "shop_seat" WHERE id = ? FOR NO KEY UPDATE', "shop_seat"),
        ("SELECT pg_advisory_xact_lock(?)", "pg_advisory_xact_lock"),
        ("UPDATE ONLY public.seat SET a = ?", "public.seat"),
        ("SELECT a FROM seat", None),
        ("SELECT ? FOR UPDATE", None),
    ],
)
def test_the_table_a_statement_locks(statement, table):
    assert locked_table(statement) == table


def test_requests_within_requests_thousands_deep_are_examined_in_few_walks(monkeypatch):
    walks = []
    monkeypatch.setattr(trace_module, "_below", lambda tree, top: walks.append(top) or [])
    rows = [
        Row(n, n + 1, n or None, 2, 600_000_000 - 2 * n, 1, "shop", f"GET /{n}", 0, {})
        for n in range(2000)
    ]
    assert list(examine([Trace.of(UUID(int=1), rows)])) == []
    assert len(walks) < 30
