"""The real web server records itself: ids on every answer, rows stored, figures on /metrics."""

import time
import urllib.error
import urllib.request

import pytest

from apps.core.services import apikeys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def get(url, **headers):
    """Status, headers and body of any answer."""
    asked = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def eventually(read, deadline_s=30):
    """The first true thing `read` returns before the deadline."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if found := read():
            return found
        time.sleep(0.1)
    return read()


def test_requests_to_the_portal_are_in_its_own_store(portal_server, store, rows, attributes):
    named = {"X-Request-ID": "asked-by-a-test"}
    for address in ("/admin/login/", "/no/such/page", "/static/no-such.css"):
        _, headers, _ = get(portal_server.url + address, **named)
        assert headers["X-Request-ID"] == "asked-by-a-test"

    def told():
        found = {
            (dict(a)["http.route"], dict(a)["http.response.status_code"]): count
            for a, count in attributes("http.server.request.duration").items()
        }
        return found if wanted <= found.keys() else None

    # Other tests of this module ask the same server: how often is counted elsewhere.
    wanted = {("/admin/login/", 200), ("unmatched", 404), ("/static/{path}", 404)}
    assert eventually(told), attributes("http.server.request.duration")
    ours = "SELECT 1 FROM tm_span WHERE kind = 2 AND attrs ->> 'request_id' = 'asked-by-a-test'"
    assert eventually(lambda: len(rows(ours)) == 3)
    instance = rows("SELECT DISTINCT attrs ->> 'service.instance.id' FROM tm_resource")
    assert [name.rsplit("-", 1)[1] for (name,) in instance] == ["web"]
    assert "asked-by-a-test" in portal_server.log.read_text()


def test_a_scrape_of_the_portal_holds_its_requests(portal_server, store):
    _, secret = apikeys.create("prometheus", ["read"])
    get(f"{portal_server.url}/admin/login/")

    def scraped():
        _, _, body = get(f"{portal_server.url}/metrics", Authorization=f"Bearer {secret}")
        return b'path="/admin/login/"' in body and body

    assert b"pharos_intake_rows_total" in eventually(scraped)
    assert get(f"{portal_server.url}/metrics")[0] == 401


def test_a_served_file_is_counted_but_makes_no_trace(portal_server, store, rows, attributes):
    assert get(portal_server.url + "/static/css/pharos.css")[0] == 200
    get(portal_server.url + "/static/traced.css")

    def told():
        found = [dict(a) for a in attributes("http.server.request.duration")]
        static = {a["http.response.status_code"] for a in found if "static" in a["http.route"]}
        return static == {200, 404}

    assert eventually(told)
    by_path = "SELECT 1 FROM tm_span WHERE attrs->>'url.path' = %s"
    assert eventually(lambda: rows(by_path, "/static/traced.css"))
    assert rows(by_path, "/static/css/pharos.css") == []
