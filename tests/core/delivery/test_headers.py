"""Every answer of the running portal carries its policies, whoever gives it."""

import asyncio
import json
import os
import re
import subprocess
import sys

import httpx
import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.test import Client

from apps.core.asgi.replies import send_error
from apps.core.errors import ERROR_STYLE_SOURCE, UnavailableError
from apps.core.services import apikeys
from tests.conftest import PROJECT, STAFF_PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

# Path, request headers, status: pages, API, errors, native answers, redirects, lost files.
ANSWERS = [
    ("/", {}, 302),
    ("/admin/", {}, 302),
    ("/admin/login/", {}, 200),
    ("/admin/nowhere/at/all/", {"accept": "text/html"}, 302),
    ("/admin/nowhere/at/all/", {}, 404),
    ("/nowhere", {"accept": "text/html"}, 404),
    ("/api/nowhere", {}, 404),
    ("/api/schema", {}, 401),
    ("/api/docs", {}, 401),
    ("/metrics", {}, 401),
    ("/admin/overview/data", {}, 401),
    ("/health", {}, 200),
    ("/health/nowhere", {"accept": "text/html"}, 404),
    ("/health/detailed", {}, 503),
    ("/v1/traces", {}, 405),
    ("/v1/nowhere", {}, 404),
    ("/static/nowhere.css", {"accept": "text/html"}, 404),
    ("/", {"host": "evil.example"}, 400),
    ("/admin/", {"host": "evil.example", "accept": "text/html"}, 400),
]


def check(answer: httpx.Response) -> None:
    headers = answer.headers
    for name in ("x-content-type-options", "content-security-policy", "cache-control",
                 "x-frame-options", "x-request-id"):  # fmt: skip
        assert len(headers.get_list(name)) == 1, name
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers or "/" not in headers["server"]
    policy = headers["content-security-policy"]
    for word in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert word in policy
    if headers.get("content-type", "").startswith("text/html") and "/admin/" in answer.url.path:
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in policy
    else:
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in re.findall(r"script-src[^;]*", policy + ";script-src")[0]


@pytest.mark.parametrize(("path", "sent", "status"), ANSWERS)
def test_every_answer_carries_its_policies(portal_server, path, sent, status):
    with httpx.Client(base_url=portal_server.url) as client:
        for method in ("GET", "HEAD"):
            if path == "/v1/traces" and method == "HEAD":
                continue
            answer = client.request(method, path, headers=sent)
            if path == "/health/detailed":
                assert answer.status_code in (200, 503)
            else:
                assert answer.status_code == status or method == "HEAD"
            check(answer)
            assert "no-store" in answer.headers["cache-control"]
            assert "private" in answer.headers["cache-control"]


def test_a_file_says_only_what_a_file_needs(portal_server):
    """Policies are read of documents; on some fifty files of a page they would weigh 40 kB."""
    with httpx.Client(base_url=portal_server.url) as client:
        for path in ("/static/css/pharos.css", "/static/js/overview.js", "/static/img/pharos.svg"):
            for method in ("GET", "HEAD"):
                answer = client.request(method, path, headers={"origin": "https://evil.example"})
                assert answer.status_code == 200
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["cross-origin-resource-policy"] == "same-origin"
                assert "public" in answer.headers["cache-control"]
                for name in ("content-security-policy", "permissions-policy", "set-cookie",
                             "access-control-allow-origin"):  # fmt: skip
                    assert name not in answer.headers


def test_a_file_that_is_a_document_may_do_nothing(client):
    documents = [
        name
        for finder in get_finders()
        for name, _storage in finder.list([])
        if name.endswith((".html", ".htm", ".xhtml", ".xml"))
    ]
    assert documents
    for name in documents:
        answer = client.get(f"/static/{name}")
        answer.close()
        assert answer.status_code == 200
        assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_a_refusal_of_the_shell_itself_carries_them_too():
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"path": "/", "headers": [(b"accept", b"text/html")], "http_version": "1.1"}
    asyncio.run(send_error(scope, send, UnavailableError("Busy.", retry_after_s=1), close=True))
    head = httpx.Response(sent[0]["status"], headers=sent[0]["headers"])
    head.request = httpx.Request("GET", "http://portal/")
    head.headers["x-request-id"] = "added by the shell"
    check(head)
    assert head.headers["retry-after"] == "1"
    assert b"style=" not in sent[1]["body"]


def test_pages_of_staff_are_compressed_for_who_asks(portal_server, staff):
    client = Client()
    client.force_login(staff)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    with httpx.Client(base_url=portal_server.url, headers={"cookie": cookie}) as browser:
        for accept in ("br", "zstd", "gzip"):
            answer = browser.get("/admin/", headers={"accept-encoding": accept})
            assert answer.headers["content-encoding"] == accept
            assert "</html>" in answer.text
            assert "Accept-Encoding" in answer.headers["vary"]
            check(answer)
        plain = browser.get("/admin/", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        head = browser.head("/admin/overview/data", headers={"accept-encoding": "br"})
        assert head.content == b""


def test_json_below_the_admin_has_the_strict_policy(staff_client):
    for path in ("/admin/overview/data?service=pharos&range=15m", "/admin/monitoring/metrics"):
        answer = staff_client.get(path)
        assert "unsafe" not in answer["Content-Security-Policy"]
    assert "'unsafe-eval'" in staff_client.get("/admin/")["Content-Security-Policy"]


def test_a_form_from_elsewhere_gets_the_one_shape_and_a_page_without_inline_style(staff):
    client = Client(enforce_csrf_checks=True)
    data = {"username": staff.username, "password": STAFF_PASSWORD}
    page = client.post("/admin/login/", data, headers={"accept": "text/html"})
    assert page.status_code == 403
    assert "<h1>403</h1>" in page.content.decode()
    answer = client.post("/i18n/setlang/", {}, headers={"accept": "application/json"})
    assert answer.json()["error"] == "csrf_failed"
    assert answer["Cache-Control"] == "private, no-store"


def test_the_style_of_the_error_page_is_allowed_by_its_hash(client):
    answer = client.get("/nowhere", headers={"accept": "text/html"})
    assert ERROR_STYLE_SOURCE in answer["Content-Security-Policy"]


def test_a_session_is_read_by_its_name_in_the_openapi_document(client, db):
    key = apikeys.create("reader", ["read"])[1]
    answer = client.get("/api/schema", headers={"authorization": f"Bearer {key}"})
    assert answer["Content-Security-Policy"]
    assert f"in: cookie\n      name: {settings.SESSION_COOKIE_NAME}\n" in answer.content.decode()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "status"),
    [(True, "http", 301), (True, "https", 200), (True, None, 301), (False, "https", 301)],
)
def test_plain_http_is_sent_to_https_unless_a_trusted_proxy_says_it_was_tls(
    settings, db, trusted, forwarded, status
):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusted else None
    sent = {"x-forwarded-proto": forwarded} if forwarded else {}
    answer = Client().get("/admin/login/", headers=sent)
    assert answer.status_code == status
    if status == 301:
        assert answer["Location"] == "https://testserver/admin/login/"
        assert not answer.has_header("Strict-Transport-Security")
    else:
        assert answer["Strict-Transport-Security"] == "max-age=31536000"
    assert answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, ["sessionid", False, 0, None, False]),
        (
            {"PHAROS_URL": "https://a.example", "PHAROS_PROXY_HTTPS_HEADER": "X-Forwarded-Proto",
             "PHAROS_HTTPS_REDIRECT": "true"},
            ["__Host-sessionid", True, 31_536_000, ["HTTP_X_FORWARDED_PROTO", "https"], True],
        ),
        (
            {"PHAROS_URL": "https://a.example", "PHAROS_HSTS_SECONDS": "0"},
            ["__Host-sessionid", True, 0, None, False],
        ),
    ],
)  # fmt: skip
def test_the_public_address_decides_about_cookies_and_hsts(tmp_path, environ, wanted):
    show = (
        "import json; from portal import settings as s;"
        "print(json.dumps([s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS,"
        " s.SECURE_PROXY_SSL_HEADER, s.SECURE_SSL_REDIRECT]))"
    )
    kept = {"PATH": os.environ["PATH"], "PHAROS_HOME": str(tmp_path / "home"), **environ}
    done = subprocess.run(
        [sys.executable, "-c", show], cwd=PROJECT, env=kept, text=True, capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == wanted, done.stderr
