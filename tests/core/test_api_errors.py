"""Every failure has one shape, whoever raised it, and tells nothing of the inside."""

import json
import logging

import pytest
from django.test import Client

from apps.core.services import apikeys

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.urls")]


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def bearer():
    _, secret = apikeys.create("all", ["read", "operate", "ingest"])
    return {"Authorization": f"Bearer {secret}"}


def assert_shape(reply, status, code, path):
    assert reply.status_code == status
    assert reply["Content-Type"] == "application/json"
    body = json.loads(reply.content)
    assert set(body) == {"error", "message", "details", "request_id"}
    assert body["error"] == code
    assert body["message"]
    assert body["details"]["path"] == path
    assert "secret internals" not in reply.content.decode()
    return body


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("conflict", 409, "conflict"),
        ("unavailable", 503, "unavailable"),
        ("missing", 404, "not_found"),
        ("forbidden", 403, "permission_denied"),
        ("throttled", 429, "throttled"),
        ("database", 503, "unavailable"),
        ("bug", 500, "internal_error"),
        ("suspicious", 400, "invalid_input"),
    ],
)
def test_a_failing_api_view_answers_in_the_one_shape(client, bearer, kind, status, code):
    reply = client.get(f"/failing/{kind}", headers=bearer)
    assert_shape(reply, status, code, f"/failing/{kind}")


@pytest.mark.parametrize("kind", ["missing", "forbidden", "database", "bug", "suspicious"])
def test_a_failing_page_answers_programs_in_the_same_shape(client, kind):
    reply = client.get(f"/page/{kind}", headers={"Accept": "application/json"})
    assert_shape(reply, reply.status_code, json.loads(reply.content)["error"], f"/page/{kind}")


@pytest.mark.parametrize(
    ("kind", "status"), [("missing", 404), ("forbidden", 403), ("database", 503), ("bug", 500)]
)
def test_a_failing_page_answers_people_with_a_page(client, kind, status):
    reply = client.get(f"/page/{kind}", headers={"Accept": "text/html,*/*"})
    assert reply.status_code == status
    assert reply["Content-Type"].startswith("text/html")
    shown = reply.content.decode()
    assert "secret internals" not in shown
    assert reply["X-Request-ID"] in shown
    assert 'href="/admin/"' in shown


def test_people_are_told_in_their_language_that_there_is_nothing(client):
    page = client.get("/nowhere", headers={"Accept": "text/html", "Accept-Language": "ko"})
    assert page.status_code == 404
    assert '<html lang="ko">' in page.content.decode()
    assert "이 주소에는 아무것도 없습니다" in page.content.decode()


def test_details_and_retry_headers_are_kept(client, bearer):
    body = json.loads(client.get("/failing/conflict", headers=bearer).content)
    assert body["details"]["state"] == "closed"
    assert client.get("/failing/unavailable", headers=bearer)["Retry-After"] == "3"
    assert client.get("/failing/throttled", headers=bearer)["Retry-After"] == "7"
    assert client.get("/failing/database", headers=bearer)["Retry-After"] == "5"


def test_a_validation_error_names_the_fields(client, bearer):
    reply = client.post("/failing", {"name": "long"}, "application/json", headers=bearer)
    body = assert_shape(reply, 400, "invalid_input", "/failing")
    assert "name" in body["details"]["fields"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ("{broken", "application/json", 400, "invalid_input"),
        ("<x/>", "text/xml", 415, "unsupported_media_type"),
        ("[" * 100_000, "application/json", 400, "invalid_input"),
        ("[]", "application/json", 400, "invalid_input"),
    ],
)
def test_a_body_that_cannot_be_read_is_the_callers_fault(client, bearer, body, kind, status, code):
    reply = client.post("/failing", body, kind, headers=bearer)
    assert_shape(reply, status, code, "/failing")


def test_a_wrong_method_and_an_unacceptable_format_keep_the_shape(client, bearer):
    reply = client.delete("/failing", headers=bearer)
    assert_shape(reply, 405, "method_not_allowed", "/failing")
    assert "GET" in reply["Allow"]
    reply = client.get("/failing", headers={**bearer, "Accept": "image/png"})
    assert_shape(reply, 406, "not_acceptable", "/failing")


@pytest.mark.parametrize("path", ["/api/nothing", "/v1/nothing", "/health/nothing"])
def test_an_unknown_api_address_is_a_404_in_json(client, path):
    assert_shape(client.get(path), 404, "not_found", path)


def test_an_unknown_admin_address_is_a_404_for_programs_and_a_login_for_people(client, bearer):
    path = "/admin/monitoring/nothing"
    assert_shape(client.get(path, headers=bearer), 404, "not_found", path)
    assert client.get(path, headers={"Accept": "text/html"}).status_code == 302


def test_the_error_carries_the_requests_id_and_the_log_has_its_cause(client, bearer, caplog):
    with caplog.at_level(logging.ERROR):
        reply = client.get("/failing/bug", headers={**bearer, "X-Request-ID": "abc-12345"})
    assert json.loads(reply.content)["request_id"] == "abc-12345"
    assert any(r.exc_info and "secret internals" in str(r.exc_info[1]) for r in caplog.records)


def test_a_foreign_host_is_refused(client):
    reply = client.get("/api/schema", headers={"Host": "evil.example"})
    assert_shape(reply, 400, "invalid_input", "/api/schema")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "PUT"])
def test_an_api_address_with_a_wrong_id_is_a_404_and_no_redirect(staff_client, method):
    path = "/admin/monitoring/alerts/nothing"
    answer = staff_client.generic(method, path, headers={"Accept": "*/*"})
    assert_shape(answer, 404, "not_found", path)
