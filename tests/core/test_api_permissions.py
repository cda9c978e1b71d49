"""Who may call what: every kind of caller against every kind of view."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apps.core.services import apikeys

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.urls")]
METHODS = {"GET": "read", "HEAD": "read", "OPTIONS": "read", "POST": "operate", "PUT": "ingest"}


def call(method, path="/failing", secret=None, client=None):
    headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
    return (client or Client()).generic(
        method, path, '{"name": "abc"}', content_type="application/json", headers=headers
    )


@pytest.mark.parametrize("scope", ["read", "operate", "ingest"])
@pytest.mark.parametrize("method", METHODS)
def test_a_key_may_do_what_its_scope_says_and_nothing_else(scope, method):
    _, secret = apikeys.create("one", [scope])
    reply = call(method, secret=secret)
    if METHODS[method] == scope:
        assert reply.status_code == 200
    else:
        assert reply.status_code == 403
        if method != "HEAD":
            assert json.loads(reply.content)["error"] == "permission_denied"


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_a_401_with_a_challenge_and_no_login_page(method):
    reply = call(method)
    assert reply.status_code == 401
    assert reply["WWW-Authenticate"] == "Bearer"
    if method != "HEAD":
        assert json.loads(reply.content)["error"] == "not_authenticated"


@pytest.mark.parametrize("secret", ["", "nonsense", "a b", "abcdefgh." + "x" * 32, "ké", "\u0000"])
def test_a_wrong_key_is_a_401_even_where_a_session_would_do(staff_client, secret):
    reply = call("GET", secret=secret, client=staff_client)
    assert reply.status_code == 401
    assert reply["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_a_401():
    key, secret = apikeys.create("gone", ["read"])
    assert call("GET", secret=secret).status_code == 200
    apikeys.revoke(key.prefix)
    assert call("GET", secret=secret).status_code == 401


def test_the_word_bearer_is_read_in_any_case():
    _, secret = apikeys.create("one", ["read"])
    assert (
        Client().get("/failing", headers={"Authorization": f"bEARER {secret}"}).status_code == 200
    )


def test_staff_may_and_others_may_not(staff_client):
    assert call("GET", client=staff_client).status_code == 200
    other = Client()
    other.force_login(User.objects.create_user("visitor"))
    reply = call("GET", client=other)
    assert reply.status_code == 403


def test_staff_needs_the_views_permission():
    user = User.objects.create_user("clerk", is_staff=True)
    client = Client()
    client.force_login(user)
    assert call("GET", "/permitted", client=client).status_code == 403
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label="core", codename="view_apikey")
    )
    assert call("GET", "/permitted", client=client).status_code == 200
    assert call("POST", "/permitted", client=client).status_code == 403


def test_a_session_needs_the_csrf_token_to_change_anything(staff):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    assert call("GET", client=client).status_code == 200
    reply = call("POST", client=client)
    assert reply.status_code == 403
    assert "CSRF" in json.loads(reply.content)["message"]


def test_a_key_needs_no_csrf_token():
    _, secret = apikeys.create("one", ["operate"])
    client = Client(enforce_csrf_checks=True)
    assert call("POST", secret=secret, client=client).status_code == 200


def test_a_database_that_is_away_is_a_503_and_not_a_401(monkeypatch):
    from django.db import OperationalError

    def away(raw_key):
        raise OperationalError("gone")

    monkeypatch.setattr(apikeys, "_query", away)
    # Another test may have asked for this very key within the last seconds.
    apikeys.forget()
    reply = call("GET", secret="abcdefgh." + "x" * 32)
    assert reply.status_code == 503
    assert reply["Retry-After"] == "5"
