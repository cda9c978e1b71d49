"""Limits, sign-in and batches behind the real web server, from real threads."""

import json
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import pytest

from apps.core.services import apikeys

pytestmark = pytest.mark.django_db(transaction=True)


def ask(url, secret=None, body=None, **headers):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers)
    request.add_header("Content-Type", "application/json")
    if secret:
        request.add_header("Authorization", f"Bearer {secret}")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_a_key_of_100_a_minute_gets_exactly_100_answers_from_16_threads(portal_server):
    _, secret = apikeys.create("hundred", ["read"])
    gate = threading.Barrier(16)

    def run(_):
        gate.wait()
        return [ask(f"{portal_server.url}/admin/audit", secret)[0] for _ in range(10)]

    with ThreadPoolExecutor(16) as pool:
        got = [status for part in pool.map(run, range(16)) for status in part]
    assert (got.count(200), got.count(429)) == (100, 60)
    status, headers, body = ask(f"{portal_server.url}/admin/audit", secret)
    assert status == 429
    assert headers["RateLimit-Policy"] == '"default";q=100;w=60'
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert json.loads(body)["error"] == "throttled"


def test_health_is_never_limited(portal_server):
    assert {ask(f"{portal_server.url}/health")[0] for _ in range(120)} == {200}


def test_more_batches_than_threads_all_come_back(portal_server):
    _, secret = apikeys.create("batches", ["read"], None, "premium")
    call = {"method": "GET", "path": "/admin/audit"}

    def run(_):
        status, _headers, body = ask(
            f"{portal_server.url}/batch", secret, {"requests": [call] * 10}
        )
        return status, json.loads(body)

    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(run, range(24)))
    assert {status for status, _ in got} <= {200, 503}
    done = [body for status, body in got if status == 200]
    assert done
    assert all(item["status"] == 200 for body in done for item in body["items"])


def test_guessing_at_the_door_is_slow(portal_server):
    cookies = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))

    def guess():
        url = f"{portal_server.url}/admin/login/"
        with browser.open(url, timeout=30) as page:
            page.read()
        (token,) = (cookie.value for cookie in cookies if cookie.name == "csrftoken")
        form = {"username": "staff", "password": "wrong", "csrfmiddlewaretoken": token}
        try:
            with browser.open(url, urlencode(form).encode(), timeout=30) as page:
                return page.status, page.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    got = [guess() for _ in range(6)]
    assert [status for status, _ in got] == [200] * 5 + [429]
    assert b"Too many attempts to sign in" in got[-1][1]
