"""Batches from people who mean harm: nesting, smuggling, sheer size, borrowed authority."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.batch import inner
from apps.core.services import apikeys
from tests.conftest import STAFF_PASSWORD
from tests.core.batch import urls
from tests.core.batch.conftest import get, items, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.core.batch.urls")]

NESTED = {"requests": [{"method": "POST", "path": "/batch", "body": {"requests": [get("/echo")]}}]}


@pytest.mark.parametrize(
    "path",
    [
        "/batch", "/batch?x=1", "/%62atch", "/b%61tch", "/%62%61%74%63%68", "/batch/", "//batch",
        "/BATCH", "/Batch", "/./batch", "/x/../batch", "/batch%2f", "/%2fbatch", "/batch%00",
        "/batch%20", "/batch;x", "/batch#x", "http://testserver/batch", "testserver/batch",
        "//testserver/batch", "\\batch", "/\\batch", "/%5cbatch", "/%2562atch", "/batch\u0000",
        "/batch\r\nX: y", "/ｂatch",
    ],
)  # fmt: skip
def test_no_spelling_of_a_batch_is_part_of_one(batch, path):
    reply = batch({"method": "POST", "path": path, "body": NESTED})
    if reply.status_code == 200:
        (found,) = items(reply)
        assert 400 <= found["status"] < 500
    else:
        assert reply.status_code == 400
    assert urls.seen == []


def test_a_batch_of_batches_of_batches_runs_nothing(batch):
    bomb = {"requests": [get("/echo")]}
    for _ in range(5):
        bomb = {"requests": [{"method": "POST", "path": "/batch", "body": bomb}] * 3}
    assert outcomes(batch(*bomb["requests"])) == [400] * 3
    assert urls.seen == []


def test_ten_thousand_items_are_refused_before_anything_is_done(batch, django_assert_num_queries):
    reply = batch(*[get("/echo")] * 10_000)
    body = json.loads(reply.content)
    assert (reply.status_code, body["error"]) == (400, "invalid_input")
    assert body["details"]["limit"] == 20
    assert urls.seen == []


def test_a_body_of_more_than_a_megabyte_is_refused_unread(batch):
    reply = batch({"method": "POST", "path": "/echo", "body": "x" * 1_100_000})
    assert (reply.status_code, json.loads(reply.content)["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "authorization", "AUTHORIZATION", "Cookie", "Host", "X-Forwarded-For",
        "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-CSRFToken", "Content-Length",
        "Transfer-Encoding", "Content-Type", "X-Request-ID", "traceparent", "Accept-Encoding",
        "X_Forwarded_For", "If_Match", "Proxy", "", " Cookie", "Accept-Language\r\nCookie",
    ],
)  # fmt: skip
def test_no_item_says_who_calls_or_from_where(batch, name):
    (found,) = items(batch(get("/echo", headers={name: "evil"})))
    assert (found["status"], found["body"]["error"]) == (400, "invalid_input")
    assert urls.seen == []


@pytest.mark.parametrize("value", ["a\r\nCookie: x", "a\nb", "a\x7f", "ü한"])
def test_no_value_smuggles_a_header(batch, value):
    (found,) = items(batch(get("/echo", headers={"Accept-Language": value})))
    assert found["status"] == 400


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], {}, {"requests": None}, {"requests": []}, {"requests": {}}, {"requests": "x"},
        {"requests": [None]}, {"requests": [[]]}, {"requests": [{}]}, {"requests": ["GET /echo"]},
        {"requests": [{"method": "TRACE", "path": "/echo"}]},
        {"requests": [{"method": "CONNECT", "path": "/echo"}]},
        {"requests": [{"method": "GET", "path": ""}]},
        {"requests": [{"method": "GET", "path": "/" + "a" * 5000}]},
        {"requests": [{"method": "GET", "path": 7}]},
        {"requests": [{"method": "GET", "path": "/echo", "id": 7}]},
        {"requests": [{"method": "GET", "path": "/a\u0000b"}]},
        {"requests": [{"method": "GET", "path": "/echo", "headers": []}]},
        {"requests": [{"method": "GET", "path": "/echo", "headers": {"If-Match": {}}}]},
        {"requests": [{"method": "GET", "path": "/echo", "id": {"a": 1}}]},
        {"requests": [{"method": "GET", "path": "/echo", "id": "a\u0000"}]},
        {"requests": [{"method": "GET", "path": "/echo", "id": "a" * 65}]},
        {"requests": [get("/echo", id="a"), get("/echo", id="b"), get("/echo", id="a")]},
    ],
)  # fmt: skip
def test_nonsense_is_a_400_that_runs_nothing(secret, wrong):
    reply = Client().post(
        "/batch", json.dumps(wrong), content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip
    assert (reply.status_code, json.loads(reply.content)["error"]) == (400, "invalid_input")
    assert urls.seen == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=30), header=st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_no_path_and_no_header_is_a_500(batch, path, header):
    reply = batch(get(f"/{path}", headers=header))
    assert reply.status_code in (200, 400, 429)
    if reply.status_code == 200:
        assert outcomes(reply)[0] < 500


def test_pages_files_and_intake_are_out_of_reach(batch):
    calls = [get(path) for path in (
        "/page", "/admin/", "/admin/login/", "/static/css/pharos.css", "/v1/traces", "/",
    )]  # fmt: skip
    assert outcomes(batch(*calls)) == [404] * 6


def test_the_unknown_get_one_401_and_no_results(batch):
    reply = batch(get("/echo"), get("/echo"), key=None)
    assert (reply.status_code, json.loads(reply.content)["error"]) == (401, "not_authenticated")
    assert urls.seen == []


def test_a_wrong_key_is_a_401_though_a_cookie_would_do(batch, staff_client):
    assert batch(get("/echo"), key="abcdefgh." + "x" * 32, client=staff_client).status_code == 401


def test_who_is_not_staff_is_refused(batch):
    client = Client()
    client.force_login(User.objects.create_user("visitor"))
    assert batch(get("/echo"), key=None, client=client).status_code == 403


def test_each_call_asks_for_its_own_rights(batch):
    _, reader = apikeys.create("reader", ["read"])
    post = {"method": "POST", "path": "/echo"}
    assert outcomes(batch(get("/echo"), post, get("/needy"), key=reader)) == [200, 403, 403]
    _, sender = apikeys.create("sender", ["ingest"])
    assert batch(get("/echo"), post, key=sender).status_code == 403


def test_a_person_calls_with_their_own_permissions(batch):
    clerk = User.objects.create_user("clerk", is_staff=True)
    client = Client()
    client.force_login(clerk)
    assert outcomes(batch(get("/echo"), get("/needy"), key=None, client=client)) == [200, 403]
    clerk.user_permissions.add(
        Permission.objects.get(content_type__app_label="core", codename="view_apikey")
    )
    (found,) = items(batch(get("/needy"), key=None, client=client))
    assert found["status"] == 200


def test_a_person_needs_the_csrf_token_outside_and_has_it_inside(batch, staff):
    client = Client(enforce_csrf_checks=True)
    client.get("/admin/login/")
    client.post(
        "/admin/login/",
        {
            "username": "staff", "password": STAFF_PASSWORD,
            "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
        },
    )  # fmt: skip
    post = {"method": "POST", "path": "/echo"}
    refused = batch(post, key=None, client=client)
    assert refused.status_code == 403
    assert urls.seen == []
    token = client.cookies["csrftoken"].value
    (found,) = items(batch(post, key=None, client=client, **{"X-CSRFToken": token}))
    assert (found["status"], found["body"]["who"]) == (200, "staff")


def test_the_address_of_the_caller_stays_theirs(batch):
    (found,) = items(batch(get("/echo"), **{"X-Forwarded-For": "203.0.113.9"}))
    assert found["body"]["address"] == "127.0.0.1"
    assert found["body"]["who"] == "key:ci"


def test_each_call_costs_what_it_costs_alone(batch, settings):
    settings.PHAROS_RATE_LIMITS = {**settings.PHAROS_RATE_LIMITS, "standard": 5}
    _, key = apikeys.create("poor", ["read"])
    # The batch itself is one.
    found = items(batch(*[get("/echo")] * 8, key=key))
    assert sorted(item["status"] for item in found) == [200] * 4 + [429] * 4
    spent = [item for item in found if item["status"] == 429]
    assert all(item["headers"]["Retry-After"] for item in spent)
    assert batch(get("/echo"), key=key).status_code == 429


@pytest.mark.parametrize("depth", [90, 200, 300, 900])
def test_a_body_nested_too_deep_is_refused_before_anything_is_done(batch, depth):
    """Else its call would break the batch after those before it were carried out."""
    nested = []
    for _ in range(depth):
        nested = [nested]
    reply = batch(
        {"method": "POST", "path": "/echo", "body": {"first": True}},
        {"method": "POST", "path": "/echo", "body": nested},
    )
    if depth < 100:
        assert outcomes(reply) == [200, 200]
    else:
        assert (reply.status_code, json.loads(reply.content)["error"]) == (400, "invalid_input")
        assert urls.seen == []


def test_a_call_behind_a_proxy_is_as_secure_as_its_batch(batch, settings, monkeypatch):
    """Else it would be sent to https once more, and a person's token would not fit its origin."""
    # Django's handler reads the setting when it is made.
    monkeypatch.setattr(inner, "_made", None)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_MY_SCHEME", "https")
    settings.SECURE_SSL_REDIRECT = True
    reply = batch(get("/echo"), {"method": "POST", "path": "/echo"}, **{"X-My-Scheme": "https"})
    assert outcomes(reply) == [200, 200]
