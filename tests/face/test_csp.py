"""Every page in a real Chromium: no policy is broken, and the policies do block."""

import time
from collections.abc import Iterable
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.urls import NoReverseMatch, reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from playwright.sync_api import Page, expect

from apps.alerts.models import Rule
from apps.alerts.services import channels
from apps.core.services import apikeys
from apps.monitoring.models import Probe
from tests.alerts.test_api import make_episode
from tests.conftest import start_web

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(
    `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
PLAIN = [
    "/admin/", "/admin/?service=pharos&range=1h", "/admin/traces/", "/admin/logs/", "/admin/about/",
    "/admin/traces/00000000000000000000000000000000/", "/admin/traces/?from=nonsense",
    "/admin/password_change/", "/nowhere", "/admin/nowhere/", "/health/nowhere",
]  # fmt: skip


def admin_pages() -> Iterable[str]:
    """Every change list, add form, and where there is a row a change form and a history."""
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"admin:{name}_changelist")
        row = model._default_manager.first()
        targets = [("add", []), *((verb, [row.pk]) for verb in ("change", "history") if row)]
        for verb, args in targets:
            try:
                yield reverse(f"admin:{name}_{verb}", args=args)
            except NoReverseMatch:
                continue


def a_row_of_each(account: User) -> None:
    channel = channels.ensure("webhook", "https://hooks.example.com/x")
    channels.send_test(channel)
    apikeys.create("a key", ["read"])
    Group.objects.create(name="on call")
    Probe.objects.create(name="shop", url="https://shop.example/", enabled=False)
    rule = Rule.objects.create(
        name="CPU",
        metric="system.cpu.utilization",
        warning=0.8,
        critical=0.9,
        for_s=0,
        interval_s=15,
    )
    make_episode(rule=rule)
    every = IntervalSchedule.objects.create(every=1, period="days")
    PeriodicTask.objects.create(name="a task", task="celery.ping", interval=every, enabled=False)
    LogEntry.objects.create(
        user=account, object_id=str(channel.pk), object_repr=str(channel), action_flag=CHANGE,
        content_type=ContentType.objects.get_for_model(channel), change_message="[]",
    )  # fmt: skip


def visited(page: Page, root: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """What each page's policy blocked; the whole of it is watched from before the first script."""
    page.add_init_script(_WATCH)
    broken: dict[str, list[str]] = {}
    for path in paths:
        answer = page.goto(root + path, wait_until="load")
        assert answer is not None
        assert "content-security-policy" in answer.headers
        if found := page.evaluate("window.violations"):
            broken[path] = found
    return broken


def test_no_page_breaks_its_policy(visit, portal_server, account):
    a_row_of_each(account)
    paths = [*PLAIN, *admin_pages()]
    assert len(paths) > 30

    def look(page: Page) -> dict[str, list[str]]:
        return visited(page, portal_server.url, paths)

    found = visit(
        "/admin/", look, expected_errors="status of 40[0-9]|WebSocket|Content Security Policy"
    )
    assert found == {}


def test_pages_for_anyone_break_no_policy(browser_thread, portal_server, account):
    def look(page: Page) -> dict[str, list[str]]:
        return visited(page, portal_server.url, ["/admin/login/", "/nowhere", "/admin/nowhere/"])

    assert browser_thread.run(look, expected_errors="status of 404") == {}


def test_the_description_of_the_api_runs_without_inline_script(visit, portal_server):
    def look(page: Page) -> tuple[list[str], str]:
        page.add_init_script(_WATCH)
        answer = page.goto(portal_server.url + "/api/docs")
        page.locator(".opblock").first.click()
        expect(page.locator(".opblock-body").first).to_be_visible()
        assert answer is not None
        return page.evaluate("window.violations"), answer.headers["content-security-policy"]

    violations, policy = visit("/admin/", look)
    assert violations == []
    assert "unsafe" not in policy


def test_the_error_page_is_styled(browser_thread, portal_server, account):
    def look(page: Page) -> str:
        page.goto(portal_server.url + "/health/nowhere")
        return page.evaluate("getComputedStyle(document.body).maxWidth")

    assert browser_thread.run(look, expected_errors="status of 404") == "544px"


@pytest.mark.parametrize("path", ["/admin/", "/api/docs", "/nowhere"])
def test_a_script_that_got_into_a_page_does_not_run(visit, portal_server, path):
    def look(page: Page) -> tuple[object, list[str]]:
        page.add_init_script(_WATCH)
        page.goto(portal_server.url + path)
        # Not `wait_for_function`: the strict policy stops its own evaluation, too.
        page.evaluate("""() => new Promise((seen) => {
            document.addEventListener("securitypolicyviolation",
                () => window.violations.length > 1 && seen());
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            const image = document.createElement("img");
            image.setAttribute("onerror", "window.ran = true");
            image.src = "/nowhere.png";
            document.body.append(image);
        })""")
        return page.evaluate("window.ran"), page.evaluate("window.violations")

    ran, violations = visit("/admin/", look, expected_errors="Content Security Policy|status of 40")
    assert ran is None
    assert any(found.startswith("script-src") for found in violations)


@pytest.fixture
def silk_tables(portal_process):
    """The profiler's tables, which a portal without it does not have."""
    for target in ([], ["zero"]):
        process, log = portal_process("cli", "django", "migrate", "silk", *target,
                                      PHAROS_PROFILING="true")  # fmt: skip
        assert process.wait(90) == 0, log.read_text()
        if not target:
            yield


def test_the_profilers_pages_run_by_their_own_exception_only(
    browser_thread, portal_process, cookie, account, silk_tables
):
    server = start_web(portal_process, PHAROS_PROFILING="true", PHAROS_PROFILING_PERCENT="100")

    def look(page: Page) -> tuple[dict[str, list[str]], dict[str, str], str]:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": server.url}])
        paths = ["/admin/", "/admin/silk/", "/admin/silk/requests/", "/admin/silk/profiling/"]
        policies = {
            path: page.context.request.get(server.url + path).headers["content-security-policy"]
            for path in ("/admin/", "/admin/silk/", "/api/docs")
        }
        broken = visited(page, server.url, paths)
        answer = page.context.request.get(
            server.url + "/admin/traces/?text=secretive&token=hunter2hunter2",
            headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
        )
        assert answer.status == 200
        page.goto(f"{server.url}/admin/silk/request/{UUID(hex=TRACE)}/")
        profile = page.content()
        expect(page.get_by_role("link", name="The trace of this request")).to_have_attribute(
            "href", f"/admin/traces/{TRACE}/"
        )
        # The spans are committed within a second or two of the request.
        trace = f"{server.url}/admin/traces/{TRACE}/"
        until = time.monotonic() + 20
        while page.context.request.get(trace).status == 404 and time.monotonic() < until:
            page.wait_for_timeout(200)
        page.goto(trace)
        page.get_by_role("link", name="Profile of the request").click()
        page.wait_for_url("**/admin/silk/request/**")
        page.goto(f"{server.url}/admin/silk/request/{UUID(hex=TRACE)}/sql/")
        return broken, policies, profile + page.content()

    broken, policies, profiled = browser_thread.run(look)
    assert broken == {}
    # Secrets in addresses and of sessions stay out.
    assert "hunter2" not in profiled
    assert cookie not in profiled
    inline = {
        path
        for path, policy in policies.items()
        if "script-src 'self' 'unsafe-eval' 'unsafe-inline'" in policy
    }
    assert inline == {"/admin/silk/"}
