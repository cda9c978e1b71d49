"""The limit on the wire: whose quota, which headers, which answer."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.core.ratelimit import limiter
from apps.core.services import apikeys
from tests.core.urls import Failing

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.urls")]


@pytest.fixture(autouse=True)
def _small_quotas(settings):
    settings.PHAROS_RATE_LIMITS = {"anonymous": 2, "standard": 3, "premium": 5, "session": 4}


def get(path="/failing", secret=None, client=None, **extra):
    headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
    return (client or Client()).get(path, headers=headers, **extra)


def statuses(count, **how):
    return [get(**how).status_code for _ in range(count)]


@pytest.mark.parametrize(("tier", "quota"), [("standard", 3), ("premium", 5)])
def test_a_key_has_the_quota_of_its_tier(tier, quota):
    _, secret = apikeys.create("one", ["read"], None, tier)
    assert statuses(quota + 2, secret=secret) == [200] * quota + [429] * 2


def test_every_answer_tells_the_policy_and_what_is_left():
    _, secret = apikeys.create("one", ["read"])
    reply = get(secret=secret)
    assert reply["RateLimit-Policy"] == '"default";q=3;w=60'
    assert re.fullmatch(r'"default";r=2;t=(59|60)', reply["RateLimit"])
    assert "Retry-After" not in reply
    missing = get("/failing/missing", secret=secret)
    assert missing.status_code == 404
    assert missing["RateLimit"].startswith('"default";r=1;')


def test_a_refusal_says_when_to_come_back_in_the_one_shape():
    _, secret = apikeys.create("one", ["read"])
    statuses(3, secret=secret)
    reply = get(secret=secret)
    body = json.loads(reply.content)
    wait_s = int(reply["Retry-After"])
    assert 1 <= wait_s <= 60
    assert body["error"] == "throttled"
    assert body["details"] == {
        "limit": 3, "window_s": 60, "retry_after_s": wait_s, "path": "/failing",
    }  # fmt: skip
    assert reply["RateLimit"].startswith('"default";r=0;')
    assert body["request_id"] == reply["X-Request-ID"]


def test_a_person_has_a_quota_of_their_own_wherever_they_sit(staff_client, staff):
    assert statuses(5, client=staff_client) == [200] * 4 + [429]
    assert statuses(1, client=staff_client, REMOTE_ADDR="203.0.113.9") == [429]
    other = Client()
    other.force_login(User.objects.create_user("bob", is_staff=True))
    assert statuses(1, client=other) == [200]


def test_the_unknown_share_the_quota_of_their_address():
    assert statuses(3) == [401, 401, 429]
    assert statuses(1, REMOTE_ADDR="203.0.113.9") == [401]


def test_trying_keys_uses_the_quota_of_the_address_and_not_of_the_cookie(staff_client):
    guesses = [get(secret=f"abcdefgh.{n:032}", client=staff_client).status_code for n in range(4)]
    assert guesses == [401, 401, 429, 429]
    assert get(client=staff_client).status_code == 200


def test_a_forged_address_gives_no_new_quota():
    forged = [
        get(HTTP_X_FORWARDED_FOR=f"203.0.113.{n}", HTTP_FORWARDED=f"for=203.0.113.{n}").status_code
        for n in range(3)
    ]
    assert forged == [401, 401, 429]


def test_a_costly_view_takes_more(monkeypatch):
    monkeypatch.setattr(Failing, "rate_cost", {"GET": 2}, raising=False)
    _, secret = apikeys.create("one", ["read"])
    assert statuses(2, secret=secret) == [200, 429]


def test_a_cost_above_the_quota_takes_all_of_it_and_is_not_refused_for_ever(monkeypatch):
    monkeypatch.setattr(Failing, "rate_cost", 50, raising=False)
    _, secret = apikeys.create("one", ["read"])
    assert statuses(2, secret=secret) == [200, 429]


def test_pages_and_health_are_not_behind_it(staff_client):
    assert statuses(9, path="/page/ok") == [200] * 9
    reply = get("/health/dependencies")
    assert "RateLimit" not in reply
    assert all(status != 429 for status in statuses(9, path="/health/dependencies"))


def test_a_route_that_must_be_counted_is_a_503_without_redis(monkeypatch):
    monkeypatch.setattr(Failing, "on_limiter_loss", "refuse", raising=False)
    monkeypatch.setattr(limiter._breaker, "_until", float("inf"))
    _, secret = apikeys.create("one", ["read"])
    reply = get(secret=secret)
    assert (reply.status_code, json.loads(reply.content)["error"]) == (503, "unavailable")
    assert reply["Retry-After"]


def test_without_redis_the_others_are_counted_by_this_process(monkeypatch):
    monkeypatch.setattr(limiter._breaker, "_until", float("inf"))
    _, secret = apikeys.create("one", ["read"])
    assert statuses(4, secret=secret) == [200] * 3 + [429]


def test_a_database_that_is_away_is_still_the_views_503(monkeypatch):
    from django.db import OperationalError

    def away(raw_key):
        raise OperationalError("gone")

    monkeypatch.setattr(apikeys, "_query", away)
    assert get(secret="abcdefgh." + "x" * 32).status_code == 503


@pytest.mark.urls("portal.urls")
@pytest.mark.parametrize(
    "accept",
    ["text/csv", "text/CSV", "TEXT/CSV;q=0.5", "text/*", "text/*;q=0.1", "application/X-NDJSON"],
)
def test_no_spelling_of_an_accept_header_makes_an_export_cheap(accept, settings):
    settings.PHAROS_RATE_LIMITS = {"anonymous": 100, "standard": 100, "session": 100}
    _, secret = apikeys.create("one", ["read"])
    reply = get("/admin/audit", secret=secret, HTTP_ACCEPT=accept)
    assert reply.status_code == 200
    assert reply.streaming
    assert '"default";r=95;' in reply["RateLimit"]
    b"".join(reply.streaming_content)


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x1c"])
def test_who_pays_is_who_calls_however_the_header_is_spaced(staff_client, space):
    """What is a key to one reader of the header and none to another would split the two."""
    _, secret = apikeys.create("rich", ["read"], None, "premium")
    reply = staff_client.get("/failing", HTTP_AUTHORIZATION=f"Bearer{space}{secret}")
    assert reply.status_code in (200, 401)
    mine = '"session"' if reply.status_code == 200 else '"default"'
    assert reply["RateLimit"].startswith(mine)
