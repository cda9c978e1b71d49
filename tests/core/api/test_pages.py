"""Lists in pages: by number near the start, by cursor at any depth."""

import base64
import random
from datetime import UTC, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.core.api import cursors
from apps.core.errors import InvalidInputError
from tests.core.api.urls import T0

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.api.urls")]
KEYS = {"items", "page", "page_size", "has_more", "next_cursor", "total", "total_is"}


def get(client, path, status=200, **query):
    answer = client.get(path, query)
    assert answer.status_code == status, answer.content
    return answer.json()


def walk(client, path, size=7, **query):
    """Every row by cursor."""
    page = get(client, path, page_size=size, **query)
    rows = page["items"]
    while page["next_cursor"]:
        assert page["has_more"]
        page = get(client, path, page_size=size, cursor=page["next_cursor"], **query)
        assert page["page"] is None
        rows += page["items"]
    assert not page["has_more"]
    return rows


def test_a_page_has_twenty_rows_and_says_where_the_next_begins(reader, people):
    page = get(reader, "/kit/people")
    assert set(page) == KEYS
    assert len(page["items"]) == page["page_size"] == 20
    assert (page["page"], page["has_more"], page["total"]) == (1, True, None)


@pytest.mark.parametrize("path", ["/kit/people", "/kit/mixed", "/kit/names", "/kit/numbers"])
def test_pages_and_cursors_give_every_row_once_in_one_order(reader, people, path):
    by_cursor = walk(reader, path)
    by_page, number = [], 1
    while True:
        page = get(reader, path, page=number, page_size=100)
        by_page += page["items"]
        if not page["has_more"]:
            break
        number += 1
    assert by_cursor == by_page
    assert len({str(row) for row in by_cursor}) == len(by_cursor) > 100


def test_the_order_is_the_databases(reader, people):
    rows = walk(reader, "/kit/mixed")
    wanted = sorted(
        User.objects.values("pk", "is_staff", "last_login"),
        key=lambda u: (u["is_staff"], -(u["last_login"] or T0).timestamp(), u["pk"]),
    )
    assert [row["id"] for row in rows] == [u["pk"] for u in wanted]


def test_rows_that_come_and_go_while_walking_shift_no_page(reader, people):
    first = get(reader, "/kit/people", page_size=50)
    seen = {row["id"] for row in first["items"]}
    User.objects.filter(pk__in=random.sample(sorted(seen), 10)).delete()
    User.objects.create_user("late", date_joined=T0 + timedelta(days=9))
    rest, cursor = [], first["next_cursor"]
    while cursor:
        page = get(reader, "/kit/people", page_size=50, cursor=cursor)
        rest += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert not seen & set(rest)
    assert len(rest) == 200


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"page_size": 0}, "page_size"), ({"page_size": 101}, "100"),
        ({"page_size": 10**30}, "100"), ({"page_size": "x"}, "page_size"),
        ({"page": 0}, "1"), ({"page": -5}, "1"), ({"page": 101, "page_size": 100}, "cursor"),
        ({"page": 10_001}, "page"), ({"nme": "x"}, "name"), ({"name": "\0"}, "ull"),
        ({"total": "yes"}, "total"), ({"format": "xml"}, "format"), ({"staff": "x"}, "staff"),
    ],
)  # fmt: skip
def test_a_query_out_of_bounds_is_refused_and_the_message_names_the_mend(reader, query, named):
    body = get(reader, "/kit/people", status=400, **query)
    assert body["error"] == "invalid_input"
    assert named in body["message"], body["message"]


@pytest.mark.parametrize("change", ["cut", "flip", "empty", "huge", "padding", "bytes", "junk"])
def test_a_cursor_that_was_tampered_with_is_refused(reader, people, change):
    cursor = get(reader, "/kit/people")["next_cursor"]
    changed = {
        "cut": cursor[:-1],
        "flip": cursor[:-5] + ("A" if cursor[-5] != "A" else "B") + cursor[-4:],
        "empty": "",
        "huge": "A" * 1024 * 1024,
        "padding": cursor + "=",
        "bytes": cursor + "é",
        "junk": "%%%/\\..",
    }[change]
    body = get(reader, "/kit/people", status=400, cursor=changed)
    assert "cursor" in body["message"]


def test_a_cursor_of_another_list_or_another_filter_is_refused(reader, people):
    cursor = get(reader, "/kit/people")["next_cursor"]
    get(reader, "/kit/people", cursor=cursor, page_size=3)
    for path, query in (
        ("/kit/mixed", {}), ("/kit/numbers", {}), ("/kit/people", {"name": "p"}),
        ("/kit/people", {"staff": "true"}), ("/kit/people", {"page": 2}),
    ):  # fmt: skip
        body = get(reader, path, status=400, cursor=cursor, **query)
        assert "cursor" in body["message"]


def test_every_single_changed_character_of_a_cursor_is_noticed(reader, people):
    cursor = get(reader, "/kit/people")["next_cursor"]
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "Q"
        get(reader, "/kit/people", 400, cursor=cursor[:place] + other + cursor[place + 1 :])


def test_total_is_told_only_when_asked_for(reader, people, monkeypatch):
    from tests.core.api.urls import People

    page = get(reader, "/kit/people", total="exact")
    assert (page["total"], page["total_is"]) == (250, "exact")
    page = get(reader, "/kit/people", total="exact", name="p00")
    assert (page["total"], page["total_is"]) == (10, "exact")
    monkeypatch.setattr(People, "count_rows", 100)
    page = get(reader, "/kit/people", total="exact")
    assert (page["total"], page["total_is"]) == (100, "at_least")
    page = get(reader, "/kit/people", total="estimate")
    assert page["total"] >= 0
    assert page["total_is"] == "estimate"


def test_a_reader_that_cannot_count_says_so(reader):
    page = get(reader, "/kit/numbers", total="exact")
    assert (page["total"], page["total_is"]) == (None, None)


def test_counting_stops_at_its_limit(reader, people, monkeypatch):
    from tests.core.api.urls import People

    monkeypatch.setattr(People, "count_rows", 10)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        get(reader, "/kit/people", total="exact")
    assert any("LIMIT 11" in query["sql"] for query in asked)


@pytest.mark.parametrize("path", ["/kit/tied", "/kit/nullable"])
def test_an_order_in_which_rows_could_be_lost_is_refused_before_it_loses_any(reader, path):
    reader.raise_request_exception = True
    with pytest.raises(ImproperlyConfigured, match="order"):
        reader.get(path)


def test_a_page_costs_one_query_at_any_depth(reader, people, django_assert_num_queries):
    cursor = get(reader, "/kit/people", page_size=100)["next_cursor"]
    with django_assert_num_queries(1):
        get(reader, "/kit/people", cursor=cursor)
    with django_assert_num_queries(1) as asked:
        get(reader, "/kit/people", cursor=cursor, page_size=100)
    assert "OFFSET" not in asked[0]["sql"]


def test_a_key_of_one_direction_is_compared_as_a_row(reader, people, django_assert_num_queries):
    cursor = get(reader, "/kit/people")["next_cursor"]
    with django_assert_num_queries(1) as asked:
        get(reader, "/kit/people", cursor=cursor)
    assert '("auth_user"."date_joined", "auth_user"."id") < (' in asked[0]["sql"]


def test_a_number_no_column_can_hold_is_the_callers_fault(reader):
    body = get(reader, "/kit/keys", status=400, offset=2**40)
    assert body["error"] == "invalid_input"
    assert "SQL" not in body["message"]


KEY_PARTS = (
    st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(allow_nan=False) | st.booleans()
    | st.uuids() | st.decimals(allow_nan=False) | st.dates() | st.datetimes()
    | st.datetimes(timezones=st.just(UTC)) | st.binary(max_size=50)
)  # fmt: skip


@given(st.lists(KEY_PARTS, min_size=1, max_size=4).map(tuple), st.binary(max_size=50))
def test_a_cursor_gives_back_the_very_key(key, bound_to):
    cursor = cursors.seal(key, bound_to)
    assert cursors.unseal(cursor, bound_to) == key
    with pytest.raises(InvalidInputError):
        cursors.unseal(cursor, bound_to + b"x")


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_word_made_up_is_a_cursor(word):
    with pytest.raises(InvalidInputError):
        cursors.unseal(word, b"here")


def test_a_key_too_long_for_a_cursor_is_a_fault_of_the_list_and_not_of_the_caller():
    with pytest.raises(ImproperlyConfigured):
        cursors.seal(("x" * 3000,), b"here")
