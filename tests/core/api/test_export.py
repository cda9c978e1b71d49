"""Lists as CSV and NDJSON: streamed, safe in a spreadsheet, never complete in looks only."""

import csv
import gc
import io
import json
import re
import tracemalloc

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from apps.core.api.export import EXPORTS_AT_ONCE, cell
from tests.core.api.urls import Numbers, People

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.api.urls")]


def table(answer):
    text = b"".join(answer.streaming_content).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def lines(answer):
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_a_list_is_csv_or_ndjson_by_parameter_or_by_what_is_accepted(reader, people):
    for query, headers in (({"format": "csv"}, {}), ({}, {"Accept": "text/csv"})):
        answer = reader.get("/kit/people", query, headers=headers)
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        rows = table(answer)
        assert rows[0] == ["id", "name", "note", "joined"]
        assert len(rows) == 251
    for query, headers in (({"format": "ndjson"}, {}), ({}, {"Accept": "application/x-ndjson"})):
        answer = reader.get("/kit/people", query, headers=headers)
        assert answer["Content-Type"] == "application/x-ndjson"
        assert len(lines(answer)) == 250


def test_an_export_holds_what_the_list_holds_with_the_same_filters(reader, people):
    query = {"staff": "true", "name": "p0"}
    listed = reader.get("/kit/people", {**query, "page_size": 100}).json()["items"]
    assert lines(reader.get("/kit/people", {**query, "format": "ndjson"})) == listed
    rows = table(reader.get("/kit/people", {**query, "format": "csv"}))
    assert rows[1:] == [[str(row["id"]), row["name"], "", row["joined"]] for row in listed]
    assert all(row[3].endswith("Z") for row in rows[1:])


def test_an_empty_csv_still_has_its_header(reader):
    answer = reader.get("/kit/numbers", {"most": 0, "format": "csv"})
    assert table(answer) == [["n", "at", "price", "text"]]
    assert lines(reader.get("/kit/numbers", {"most": 0, "format": "ndjson"})) == []


def test_the_file_has_a_name_that_is_safe_whatever_the_route_is_called(reader, people):
    told = reader.get("/kit/people", {"format": "csv"})["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="pharos-kit-people-\d{8}T\d{6}Z\.csv"', told)
    told = reader.get("/kit/numbers", {"format": "ndjson"})["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="[a-z0-9-]+-\d{8}T\d{6}Z\.ndjson"', told)


HOSTILE = ["=1+1", "+1", "-1", "@a", "\t=1", "\rx", " =cmd|' /C calc'!A0", "\n=1", "＝1+1", "＋1",
           "－1", "＠a", "\xa0=1", "\u200b=1", "\ufeff=1", "\0=1"]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_formula(text):
    assert cell(text) == f"'{text}"


@given(st.text())
def test_a_cell_is_the_text_itself_or_the_text_made_harmless(text):
    shown = cell(text)
    assert shown in (text, f"'{text}")
    assert shown.strip("\u200b\ufeff\0 \t\r\n\xa0")[:1] not in set("=+-@＝＋－＠")


def test_numbers_stay_numbers_and_unknown_stays_empty():
    assert [cell(v) for v in (-5, -1.5, None, float("nan"), True)] == [-5, -1.5, "", "", "true"]
    assert cell({"a": "=1"}) == '{"a":"=1"}'


def test_a_hostile_cell_survives_the_way_through_csv(reader):
    name = '=HYPERLINK("http://x","a\r\nb");\u0000'.replace("\0", "")
    User.objects.create_user("one", last_name=name)
    rows = table(reader.get("/kit/people", {"format": "csv"}))
    assert rows[1][2] == f"'{name}"


def test_decimals_keep_every_digit(reader):
    rows = table(reader.get("/kit/numbers", {"most": 1, "format": "csv"}))
    assert rows[1][2] == "12345678901234567890.0123456789"


def test_an_export_that_reaches_its_limit_says_so_and_how_to_go_on(reader):
    query = {"most": 12_000, "format": "ndjson"}
    got, rows = lines(reader.get("/kit/numbers", query)), []
    while "error" in got[-1]:
        assert got[-1]["error"] == "truncated"
        rows += got[:-1]
        cursor = got[-1]["message"].partition("cursor=")[2]
        got = lines(reader.get("/kit/numbers", {**query, "cursor": cursor}))
    assert [row["n"] for row in rows + got] == list(range(12_000))
    last = table(reader.get("/kit/numbers", {"most": 12_000, "format": "csv"}))[-1]
    assert len(last) == 1
    assert last[0].startswith("# INCOMPLETE: The export stopped after 5000 rows")


def test_an_export_of_exactly_the_limit_is_complete(reader):
    assert len(lines(reader.get("/kit/numbers", {"most": 5_000, "format": "ndjson"}))) == 5_000


@pytest.mark.parametrize("at", [0, 1500])
def test_an_error_on_the_way_is_seen_in_the_body_and_tells_no_internals(reader, at):
    query = {"most": 4_000, "breaks_at": at}
    body = lines(reader.get("/kit/numbers", {**query, "format": "ndjson"}))
    assert body[-1]["error"] == "internal_error"
    assert len(body) == 1 + (at // 1000) * 1000
    rows = table(reader.get("/kit/numbers", {**query, "format": "csv"}))
    assert rows[-1] == ["# INCOMPLETE: Something went wrong here; it was logged."]
    assert "secret internals" not in str(body) + str(rows)


def test_a_wrong_query_is_an_ordinary_error_and_no_file(reader):
    answer = reader.get("/kit/people", {"format": "csv", "cursor": "x"})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/json"
    assert "Content-Disposition" not in answer


def test_memory_stays_flat_however_many_rows_there_are(reader, monkeypatch):
    monkeypatch.setattr(Numbers, "export_rows", 1_000_000)

    def peak(most):
        answer = reader.get("/kit/numbers", {"most": most, "format": "csv"})
        tracemalloc.start()
        size = sum(len(chunk) for chunk in answer.streaming_content)
        _, most_used = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size, most_used

    peak(1_000)
    (small, little), (large, much) = peak(5_000), peak(50_000)
    assert large > 9 * small
    assert much < 1.5 * little


def test_a_head_request_reads_no_row(reader, people, django_assert_num_queries):
    reader.get("/kit/numbers")  # the key is looked up once
    with django_assert_num_queries(0):
        answer = reader.head("/kit/people", {"format": "csv"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")


def test_an_export_needs_the_same_rights(client, staff_client, people):
    assert client.get("/kit/people", {"format": "csv"}).status_code == 401
    assert People.required_permissions
    assert staff_client.get("/kit/people", {"format": "csv"}).status_code == 200


@pytest.mark.parametrize("end", ["read", "left", "dropped"])
def test_slow_readers_of_exports_leave_threads_to_the_others(reader, people, end):
    """Each holds a thread of the web while it reads; what it held is free however it ends."""
    held = [reader.get("/kit/people", {"format": "csv"}) for _ in range(EXPORTS_AT_ONCE)]
    refused = reader.get("/kit/people", {"format": "ndjson"})
    assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
    assert refused["Retry-After"]
    assert reader.get("/kit/people").status_code == 200
    if end == "read":
        assert all(len(table(answer)) == 251 for answer in held)
    elif end == "left":
        for answer in held:
            next(answer.streaming_content)
            answer.close()
    held.clear()
    gc.collect()
    again = [reader.get("/kit/people", {"format": "csv"}) for _ in range(EXPORTS_AT_ONCE)]
    assert [answer.status_code for answer in again] == [200] * EXPORTS_AT_ONCE


def test_a_head_of_an_export_holds_no_thread(reader, people):
    for _ in range(EXPORTS_AT_ONCE + 1):
        answer = reader.head("/kit/people", {"format": "csv"})
        assert answer.status_code == 200
        answer.close()
