"""Statements lose their values and keep their shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from apps.monitoring.recorder.fingerprint import normalise, statement


@pytest.mark.parametrize(
    ("raw", "text", "summary"),
    [
        (
            'SELECT "auth_user"."id" FROM "auth_user" WHERE "auth_user"."id" = %s LIMIT 21',
            'SELECT "auth_user"."id" FROM "auth_user" WHERE "auth_user"."id" = ? LIMIT ?',
            "SELECT auth_user",
        ),
        ("SELECT 1", "SELECT ?", "SELECT"),
        ("select * from t where a in (1, 2,3) and b = 'it''s'",
         "select * from t where a in (?, ...) and b = ?", "SELECT t"),
        ("INSERT INTO log (a, b) VALUES (%s, %s), (%s, %s)",
         "INSERT INTO log (a, b) VALUES (?, ...)", "INSERT log"),
        ("UPDATE ONLY shop.stock SET n = n-1 WHERE id = -5",
         "UPDATE ONLY shop.stock SET n = n-? WHERE id = ?", "UPDATE shop.stock"),
        ("DELETE FROM \"odd 'name\" WHERE x = 'secret'",
         "DELETE FROM \"odd 'name\" WHERE x = ?", "DELETE odd 'name"),
        ("SELECT $tag$ it's 5 $tag$, $$x$$, E'a\\'b' FROM t1 /* password=1 */ -- tail",
         "SELECT ?, ?, ? FROM t1", "SELECT t1"),
        ("SELECT '-- no comment' FROM t2", "SELECT ? FROM t2", "SELECT t2"),
        ('SAVEPOINT "s140_x1"', "SAVEPOINT", "SAVEPOINT"),
        ('RELEASE SAVEPOINT "s140_x1"', "RELEASE SAVEPOINT", "RELEASE SAVEPOINT"),
        ("SET search_path = 'x'", "SET search_path = ?", "SET"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT ?) SELECT * FROM a",
         "SELECT a"),
        ("SELECT 'cut off in the mid", "SELECT ?", "SELECT"),
        (b"SELECT 2", "SELECT ?", "SELECT"),
        (sql.SQL("SELECT {} FROM {}").format(sql.Literal(5), sql.Identifier("t3")),
         'SELECT ? FROM "t3"', "SELECT t3"),
        ("", "", "OTHER"),
    ],
)  # fmt: skip
def test_a_statement_keeps_its_shape(raw, text, summary):
    told = statement(raw)
    assert (told.text, told.summary) == (text, summary)


@given(st.text(alphabet=st.characters(exclude_characters="\0"), max_size=60))
def test_no_value_survives(value):
    quoted = value.replace("'", "''")
    assert normalise(f"SELECT a FROM t WHERE b = 'Q7{quoted}Q7' AND c = 1") == (
        "SELECT a FROM t WHERE b = ? AND c = ?"
    )


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text):
    assert len(statement(text).summary) <= 255


@given(st.lists(st.integers(), min_size=2, max_size=50))
def test_lists_of_any_length_are_one_statement(numbers):
    listed = ", ".join(map(str, numbers))
    assert normalise(f"SELECT a FROM t WHERE b IN ({listed})") == (
        "SELECT a FROM t WHERE b IN (?, ...)"
    )


def test_a_megabyte_of_sql_is_read_in_bounded_time_and_space():
    assert len(statement("SELECT a FROM t WHERE b IN (" + "1, " * 400_000 + "1)").text) < 2_100
