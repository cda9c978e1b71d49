"""The log search: who may ask, exact pages whatever happens between them, and honest limits."""

import itertools
import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection

from apps.core.timerange import TimeRange
from apps.monitoring.queries import logs, walk
from apps.monitoring.queries.logs import LogFilter
from tests.face.evidence import ERROR, HOSTILE, INFO, NOW, line
from tests.face.evidence import store as add

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/logs/search"
RANGE = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": (NOW + timedelta(1)).isoformat()}


def walked(client, between=lambda: None, page_size=7, **query):
    """Every body, page by page by cursor; `between()` is called before each further page."""
    asked = {"service": "evidence-shop", "page_size": page_size, **RANGE, **query}
    seen, cursor = [], None
    for _ in range(500):
        more = {"cursor": cursor} if cursor else {}
        answer = client.get(URL, {**asked, **more})
        assert answer.status_code == 200, answer.content
        body = answer.json()
        seen += [item["body"] for item in body["items"]]
        cursor = body["next_cursor"]
        assert body["has_more"] == (cursor is not None)
        if cursor is None:
            return seen
        between()
    raise AssertionError("The pages never end.")


def test_only_readers_are_let_in(key, staff_client, client, store):
    add(line("one"))
    (item,) = key("read").get(URL, RANGE).json()["items"]
    for path in (URL, f"/admin/logs/lines/{item['id']}"):
        assert client.get(path).status_code == 401
        assert key("ingest").get(path).status_code == 403
        assert key("read").get(path).status_code == 200
        assert staff_client.get(path).status_code == 200
        assert key("read").post(path).status_code == 405


def test_thousands_of_lines_of_one_moment_are_all_found_once(reader, store):
    bodies = [f"line {n}" for n in range(2500)]
    add(*[line(body) for body in bodies])
    seen = walked(reader, page_size=100)
    assert len(seen) == 2500
    assert set(seen) == set(bodies)


def test_lines_that_come_in_between_two_pages_move_nothing(reader, store):
    before = [f"old {n}" for n in range(40)]
    add(*[line(body, NOW - timedelta(seconds=n // 10)) for n, body in enumerate(before)])
    numbers = itertools.count()

    def between():
        late = [NOW - timedelta(seconds=second) for second in range(4)]
        add(*[line(f"new {next(numbers)}", at) for at in late])

    seen = walked(reader, between)
    assert [body for body in seen if body.startswith("old")] == sorted(
        before, key=lambda body: (int(body[4:]) // 10, -int(body[4:]))
    )
    assert len(seen) == len(set(seen))


def test_a_partition_dropped_between_two_pages_takes_only_its_own_lines(reader, store):
    yesterday = NOW - timedelta(days=1)
    add(*[line(f"today {n}") for n in range(10)])
    add(*[line(f"yesterday {n}", yesterday) for n in range(10)])
    done = []

    def between():
        if not done:
            done.append(True)
            with connection.cursor() as cursor:
                name = f"tm_log_p{yesterday:%Y%m%d}"
                cursor.execute(f"CREATE TABLE kept_aside AS SELECT * FROM {name}")
                cursor.execute(f"ALTER TABLE tm_log DETACH PARTITION {name}")

    wide = {"from": (NOW - timedelta(days=2)).isoformat()}
    try:
        seen = walked(reader, between, **wide)
    finally:
        day = yesterday.replace(hour=0, minute=0, second=0)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS kept_aside")
            cursor.execute(
                f"ALTER TABLE tm_log ATTACH PARTITION tm_log_p{day:%Y%m%d} FOR VALUES FROM"
                f" ('{day.isoformat()}') TO ('{(day + timedelta(days=1)).isoformat()}')"
            )
    assert sorted(seen) == sorted(f"today {n}" for n in range(10))


def test_a_relative_range_keeps_its_start_over_all_pages(reader, store, monkeypatch):
    add(*[line(f"line {n}", NOW - timedelta(seconds=n)) for n in range(30)])
    relative = {"service": "evidence-shop", "page_size": 10, "from": "now-6h"}
    first = reader.get(URL, relative).json()
    second = reader.get(URL, {**relative, "cursor": first["next_cursor"]}).json()
    assert [item["body"] for item in second["items"]] == [f"line {n}" for n in range(10, 20)]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "A" * 100_000},
        {"cursor": "../../etc/passwd"},
        {"cursor": "0.0.0.0"},
        {"after": "1.2"},
        {"after": "9" * 60},
        {"after": "1764000000000000.0000000000000000.4294967295.70000"},
        {"request": "x" * 129},
        {"level": "loud"},
        {"trace": "xyz"},
        {"trace": "0" * 31},
        {"attr": "no colon"},
        {"attr": [f"a{n}:b" for n in range(6)]},
        {"text": "a\0b"},
        {"text": "x" * 201},
        {"from": "yesterday"},
        {"from": "now", "to": "now-1h"},
        {"page_size": 101},
        {"page_size": 0},
        {"page": 2, "page_size": 100, "cursor": "x"},
        {"unheard": "of"},
    ],
)
def test_nonsense_is_answered_with_the_mend(reader, store, query):
    answer = reader.get(f"{URL}?{urlencode(query, doseq=True)}")
    assert answer.status_code in (400, 414), answer.content
    assert answer.json()["error"] == "invalid_input"


def test_a_cursor_of_other_filters_is_refused(reader, store):
    add(*[line(f"line {n}") for n in range(5)])
    cursor = reader.get(URL, {**RANGE, "page_size": 2}).json()["next_cursor"]
    answer = reader.get(URL, {**RANGE, "page_size": 2, "level": "error", "cursor": cursor})
    assert answer.status_code == 400


def test_every_filter_has_to_hold(reader, store):
    add(
        line("paid 100%", colour="red", n=1),
        line("paid 100 times", NOW, ERROR, colour="red"),
        line("refused", NOW, ERROR, colour="a:b", ok=True),
    )

    def bodies(**query):
        return set(walked(reader, **query))

    assert bodies(text="100%") == {"paid 100%"}
    assert bodies(text="PAID", level="error") == {"paid 100 times"}
    assert bodies(attr="colour:red") == {"paid 100%", "paid 100 times"}
    assert bodies(attr=["colour:red", "n:1"]) == {"paid 100%"}
    assert bodies(attr="colour:a:b") == bodies(attr="ok:true") == {"refused"}
    assert bodies(text="' OR 1=1 --") == set()


def test_a_search_that_runs_out_of_time_says_how_far_it_came(reader, store, monkeypatch):
    add(line("new"), line("old", NOW - timedelta(minutes=30)))
    slow = logs._LINES.replace(
        "WHERE l.ts >=", "WHERE (l.ts > %(end)s - interval '5 minutes' OR pg_sleep(9) IS NULL) AND"
        " l.ts >=",
    )  # fmt: skip
    monkeypatch.setattr(walk, "_TIMEOUT_MS", 400)
    monkeypatch.setattr(logs, "_LINES", slow)
    found = logs.search(
        TimeRange(NOW - timedelta(hours=1), NOW + timedelta(seconds=1)), LogFilter("evidence-shop")
    )
    assert [row.body for row in found.rows] == ["new"]
    assert found.partial
    assert NOW - timedelta(minutes=30) < found.reached < NOW
    answer = reader.get(URL, {**RANGE, "to": (NOW + timedelta(seconds=1)).isoformat()}).json()
    assert answer["partial"] is True
    assert answer["searched_to"] == found.reached.isoformat().replace("+00:00", "Z")
    monkeypatch.undo()
    rest = reader.get(
        URL,
        {
            **RANGE,
            "to": (NOW + timedelta(seconds=1)).isoformat(),
            "cursor": answer["next_cursor"],
        },
    ).json()
    assert [item["body"] for item in rest["items"]] == ["old"]
    assert rest["partial"] is False


def test_an_export_holds_exactly_what_is_seen(reader, store):
    formula = '=HYPERLINK("http://evil.example")'
    add(*[line(body, evil=body) for body in (*HOSTILE, formula)], line("quiet", severity=INFO))
    asked = {"service": "evidence-shop", **RANGE}
    seen = {item["body"] for item in reader.get(URL, {**asked, "page_size": 100}).json()["items"]}
    lines = reader.get(URL, {**asked, "format": "ndjson"}).getvalue().decode().splitlines()
    assert {json.loads(text)["body"] for text in lines} == seen
    table = reader.get(URL, {**asked, "format": "csv"}).getvalue().decode()
    assert "\"'=HYPERLINK" in table
    assert table.count("evidence-shop") == len(seen)


def test_a_long_line_is_cut_in_lists_and_whole_on_its_own(reader, store):
    add(line("x" * 1_000_000, blob="y" * 20_000))
    (item,) = reader.get(URL, RANGE).json()["items"]
    assert (len(item["body"]), item["body_length"], item["cut"]) == (4000, 1_000_000, True)
    assert item["attrs"] is None
    whole = reader.get(f"/admin/logs/lines/{item['id']}").json()
    assert len(whole["body"]) == 1_000_000
    assert len(whole["attrs"]["blob"]) == 20_000


@pytest.mark.parametrize(
    ("line_id", "status"),
    [
        ("1.00000000000000ff.2.3", 404),
        ("x", 400),
        ("1.2.3", 400),
        ("9999999999999999.0000000000000000.1.1", 400),
        ("1.0000000000000000.9999999999.1", 400),
    ],
)
def test_a_line_that_is_not_there_is_told(reader, store, line_id, status):
    assert reader.get(f"/admin/logs/lines/{line_id}").status_code == status
