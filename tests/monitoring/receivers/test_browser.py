"""Telemetry from pages: whose, from where, how much, and from a real browser of another origin."""

import http.server
import json
import threading
import time
from functools import partial

import httpx
import pytest

from apps.core.ratelimit import limiter
from apps.monitoring.models import BrowserKey
from apps.monitoring.receivers import trimming
from tests.face.conftest import browser_thread
from tests.monitoring.intake import messages as m

__all__ = ["browser_thread"]

ORIGIN = "https://shop.example"


def make_key(**changes):
    fields = {"name": "shop pages", "service": "shop-web", "origins": [ORIGIN]}
    return BrowserKey.objects.create(**{**fields, **changes})


def span_json(**attributes):
    """One span as a page's exporter writes it."""
    now = time.time_ns()
    attrs = [{"key": k.replace("__", "."), "value": {"stringValue": v}}
             for k, v in attributes.items()]  # fmt: skip
    span = {
        "traceId": "ab" * 16, "spanId": "cd" * 8, "name": "documentLoad", "kind": 1,
        "startTimeUnixNano": str(now - 10**6), "endTimeUnixNano": str(now), "attributes": attrs,
    }  # fmt: skip
    resource = [{"key": "service.name", "value": {"stringValue": "payments"}},
                {"key": "browser.language", "value": {"stringValue": "ko"}},
                {"key": "host.name", "value": {"stringValue": "made-up"}}]  # fmt: skip
    scope = {"scope": {"name": "web"}, "spans": [span]}
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}


@pytest.fixture
def pages(receiver, transactional_db):
    with httpx.Client(base_url=receiver.url, headers={"origin": ORIGIN}, timeout=20) as client:
        yield client


def test_what_a_page_sends_counts_as_the_service_of_its_key(pages, rows):
    key = make_key(attributes=["shop.cart"], service="shop-trimmed")
    path = f"/browser/{key.key}/v1"
    document = span_json(
        url__full="https://shop.example/a?token=s3cret#x", shop__cart="3", user__email="a@b.c",
        http__request__method="GET",
    )  # fmt: skip
    # A beacon: text, no preflight.
    answer = pages.post(
        f"{path}/traces", content=json.dumps(document), headers={"content-type": "text/plain"}
    )
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"].lower()
    (row,) = rows(
        "SELECT r.attrs::text AS who, s.attrs::text AS what FROM tm_span s"
        " JOIN tm_resource r ON r.id = s.resource_id WHERE r.service = 'shop-trimmed'"
    )
    assert "ko" in row["who"]
    assert "made-up" not in row["who"]
    kept = json.loads(row["what"])
    assert kept == {
        "url.full": "https://shop.example/a", "shop.cart": "3", "http.request.method": "GET",
        "otel.scope.name": "web",
    }  # fmt: skip

    log = pages.post(
        f"{path}/logs", content=m.logs(m.record("clicked")).SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )  # fmt: skip
    assert (log.status_code, log.content) == (200, b"")
    assert rows(
        "SELECT count(*) AS n FROM tm_log l JOIN tm_resource r ON r.id = l.resource_id"
        " WHERE r.service = 'shop-trimmed'"
    ) == [{"n": 1}]


def test_who_may_not_send_is_told_so_and_pages_of_others_learn_nothing(receiver, pages):
    key, off = make_key(), make_key(name="off", enabled=False)
    good = json.dumps(span_json())
    path = f"/browser/{key.key}/v1/traces"

    def post(path=path, content=good, **headers):
        fields = {"content-type": "application/json"} | headers
        return pages.post(path, content=content, headers=fields)

    for refused in (
        post(origin="https://evil.example"), post(f"/browser/{off.key}/v1/traces"),
        post(f"/browser/{'0' * 24}/v1/traces"), post("/browser/x/v1/traces"),
        httpx.post(f"{receiver.url}{path}", content=good, timeout=20),
    ):  # fmt: skip
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers
    assert post(f"/browser/{key.key}/v2/traces").status_code == 404
    assert post(content="{").status_code == 400
    assert post(content=" " * (257 * 1024)).status_code == 413
    assert post(**{"content-type": "image/png"}).status_code == 415
    assert post(**{"content-encoding": "br"}).status_code == 400
    assert pages.get(path).status_code == 405

    asked = pages.options(path, headers={"access-control-request-method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert asked.headers["access-control-allow-methods"] == "POST"
    assert "authorization" not in asked.headers["access-control-allow-headers"]
    stranger = pages.options(path, headers={"origin": "https://evil.example"})
    assert stranger.status_code == 403


def test_quotas_hold_by_key_and_by_address(pages):
    key = make_key(requests_a_minute=2)
    path = f"/browser/{key.key}/v1/traces"
    answers = [pages.post(path, json={}) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["access-control-allow-origin"] == ORIGIN
    assert answers[-1].json()["code"] == 8
    limiter.forget()
    # Guessing keys costs the same quota, and then asks nobody.
    guesses = [pages.post(f"/browser/{n:024x}/v1/traces", json={}) for n in range(61)]
    assert guesses[59].status_code == 403
    assert guesses[60].status_code == 429


def test_made_up_series_and_resources_are_bounded(pages, rows):
    key = make_key(most_series=5)
    path = f"/browser/{key.key}/v1/metrics"
    points = [m.point(n, {"http__route": f"/{n}"}) for n in range(9)]
    answer = pages.post(
        path, content=m.metrics(m.gauge(*points, name="clicks")).SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert b"more series than the key allows" in answer.content
    assert rows(
        "SELECT count(*) AS n FROM tm_series s JOIN tm_metric m ON m.id = s.metric_id"
        " WHERE m.name = 'clicks'"
    ) == [{"n": 5}]


def test_attributes_that_tell_who_somebody_is_are_never_kept():
    further = frozenset(["app.page"])
    for name in ("client.address", "url.query", "http.request.header.cookie", "enduser.id", ""):
        assert not trimming.allowed(name, further), name
    for name in ("app.page", "http.route", "web_vital.name", "exception.type"):
        assert trimming.allowed(name, further), name


@pytest.fixture
def elsewhere(tmp_path):
    """A page of another origin, served by another server."""
    (tmp_path / "index.html").write_text("<!doctype html><title>shop</title>")
    (tmp_path / "favicon.ico").write_bytes(b"")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_chromium_may_send_from_an_allowed_origin_only(receiver, elsewhere, browser_thread, rows):
    key = make_key(origins=[elsewhere], service="shop-chromium")
    url = f"{receiver.url}/browser/{key.key}/v1/traces"
    beacon = json.dumps(span_json(http__route="/beacon"))

    def visit(page):
        page.goto(f"{elsewhere}/index.html")
        # JSON by fetch needs a preflight, a text beacon does not.
        answers = page.evaluate(
            """async ([url, body]) => {
              const headers = {'content-type': 'application/json'};
              const told = await fetch(url, {method: 'POST', headers, body});
              return [told.status, await told.text()];
            }""",
            [url, json.dumps(span_json(http__route="/fetch"))],
        )
        page.evaluate("([url, text]) => navigator.sendBeacon(url, text)", [url, beacon])
        # A beacon tells its page nothing but that it is over.
        page.wait_for_function(
            "performance.getEntriesByType('resource').some((e) => e.initiatorType === 'beacon')"
        )
        return answers

    assert browser_thread.run(visit) == [200, "{}"]
    found = rows(
        "SELECT s.attrs->>'http.route' AS route FROM tm_span s JOIN tm_resource r"
        " ON r.id = s.resource_id WHERE r.service = 'shop-chromium' AND s.attrs ? 'http.route'"
    )
    assert {"/fetch", "/beacon"} <= {row["route"] for row in found}

    other = make_key(name="other", origins=["https://other.example"])

    def refused(page):
        page.goto(f"{elsewhere}/index.html")
        return page.evaluate(
            """async (url) => {
              const headers = {'content-type': 'application/json'};
              try { await fetch(url, {method: 'POST', headers, body: '{}'}); return 'sent'; }
              catch (error) { return error.name; }
            }""",
            f"{receiver.url}/browser/{other.key}/v1/traces",
        )

    assert (
        browser_thread.run(refused, expected_errors="CORS|Failed to load|ERR_FAILED") == "TypeError"
    )
