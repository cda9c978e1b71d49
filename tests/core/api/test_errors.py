"""What callers send wrong is told in the one shape, with the mend and without our insides."""

import pytest
from django.db import DataError, connection, transaction
from django.test import Client

from apps.core.api.errors import _known
from apps.core.services import apikeys

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.api.urls")]
BODY = {"error", "message", "details", "request_id"}


def refused(answer, status):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == BODY
    return body


@pytest.fixture
def operator(db):
    _, secret = apikeys.create("operator", ["read", "operate"])
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/api/nothing", 404, {}),
        ("DELETE", "/kit/people", 405, {}),
        ("TRACE", "/kit/people", 405, {}),
        ("BREW", "/kit/people", 405, {}),
        ("GET", "/kit/people", 406, {"Accept": "image/png"}),
        ("GET", "/kit/people", 406, {"Accept": "text/html;q=nan, " * 100}),
        ("GET", "/kit/versioned?format=csv", 400, {}),
        ("GET", "/kit/people?" + "&".join(f"a{n}=1" for n in range(1001)), 400, {}),
        ("GET", "/kit/people?name=%ff%fe%00", 400, {}),
        ("GET", "/kit/people?%00=1", 400, {}),
        ("GET", "/kit/people?page_size=1&page_size=1000", 400, {}),
        ("GET", "/kit/people?page=" + "9" * 5000, 400, {}),
        ("GET", "/kit/people?page=１", 200, {}),
    ],
)
def test_a_wrong_call_keeps_the_shape(operator, method, path, status, headers):
    answer = operator.generic(method, path, headers=headers)
    if status == 200:
        assert answer.status_code == 200
    else:
        refused(answer, status)


@pytest.mark.parametrize("charset", ["hex", "rot13", "utf-7", "nonsense", "utf-16", "idna"])
def test_a_charset_that_is_none_harms_nobody(operator, charset):
    answer = operator.generic(
        "GET", "/kit/people?name=a", content_type=f"text/x; charset={charset}"
    )
    assert answer.status_code == 200
    answer = operator.generic(
        "POST", "/admin/monitoring/threshold", b"{}",
        content_type=f"application/json; charset={charset}",
    )  # fmt: skip
    assert "metric" in refused(answer, 400)["message"]


WRONG_BODIES = [b"{", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b'"\xed\xa0\x80"']


@pytest.mark.parametrize("body", WRONG_BODIES)
def test_a_body_that_is_not_json_is_told_where_it_fails(operator, body):
    answer = operator.generic("POST", "/admin/monitoring/threshold", body, "application/json")
    message = refused(answer, 400)["message"]
    assert "line 1" in message
    assert "orjson" not in message
    assert "codec" not in message


def test_the_message_says_which_field_and_what_is_wrong_with_it(operator):
    body = refused(operator.get("/kit/people?page_size=1000"), 400)
    assert body["message"].startswith("page_size: ")
    assert "100" in body["message"]
    assert body["details"]["fields"]["page_size"]


def test_a_value_that_does_not_fit_is_the_callers_and_a_division_by_zero_is_ours():
    def fault(sql, value):
        with pytest.raises(DataError) as caught, transaction.atomic():
            connection.cursor().execute(sql, [value])
        return _known(caught.value)

    for sql, value in (
        ("SELECT %s::int", 2**40), ("SELECT %s::bigint", "9" * 30), ("SELECT %s::uuid", "x"),
        ("SELECT %s::timestamptz", "300000-01-01"), ("SELECT %s::text", "a\0b"),
    ):  # fmt: skip
        status, code, message, *_ = fault(sql, value)
        assert (status, code) == (400, "invalid_input")
        assert "psycopg" not in message
    assert fault("SELECT 1 / %s::int", 0) is None
