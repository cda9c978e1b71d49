"""Every page of ours without and with something to show: for everyone, and on a telephone."""

import time
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.face.evidence import ERROR, HOSTILE, SHOP, checkout, line, store
from tests.face.test_browser import live
from tests.face.walking import troubles

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TRACE = UUID("7d0b2a7e3b8f4c0f9a5e6d1c2b3a4f50")
EMPTY = {
    "overview-quiet": "/admin/?service=quiet",
    "overview-unknown": "/admin/?service=evidence-shopp",
    "traces-empty": "/admin/traces/?service=nobody",
    "logs-empty": "/admin/logs/?service=nobody",
    "proposals-empty": "/admin/core/proposal/",
    "about": "/admin/about/",
}
MISTAKEN = {
    "traces-mistaken": "/admin/traces/?least_ms=-1&from=yesterday",
    "logs-mistaken": "/admin/logs/?level=loud&attr=nothing",
}
FULL = {
    "overview-full": "/admin/?service=evidence-shop",
    "traces-full": "/admin/traces/?service=evidence-shop",
    "waterfall": f"/admin/traces/{TRACE.hex}/",
    "flame": f"/admin/traces/{TRACE.hex}/?view=flame",
    "tree": f"/admin/traces/{TRACE.hex}/?view=tree",
    "logs-full": "/admin/logs/?service=evidence-shop&attr=order:1",
}
PAGES = {"empty": EMPTY, "mistaken": MISTAKEN, "full": FULL}


def ingest(service: Resource, *metrics: str) -> None:
    now = time.time_ns()
    rows = [
        Sample(Series(Metric(name, "1", Kind.GAUGE), service, {}), now - n * 10**10, (n % 7) / 10)
        for name in metrics
        for n in range(90)
    ]
    assert committer().ingest(Batch(samples=rows)).accepted == len(rows)


@pytest.fixture
def filled(transactional_db) -> None:
    ingest(SHOP, "system.memory.utilization", "system.cpu.utilization", "celery.queue.age")
    ingest(Resource({"service.name": "quiet"}), "elsewhere.figure")
    store(*checkout(TRACE), line("of the trace", trace=TRACE, order=1))
    store(*[line(text, severity=ERROR, order=1, text=text) for text in HOSTILE])


def settled(page: Page, name: str) -> None:
    page.wait_for_load_state("load")
    if name in ("overview-quiet", "overview-full"):
        live(page)
    if name == "overview-full":
        expect(page.locator("#panel-memory .ph-when-loading")).to_be_hidden(timeout=30_000)
    rows = page.locator("#logs .ph-line, #traces .ph-line")
    if name in ("traces-full", "logs-full"):
        rows.first.click()
        expect(page.locator(".ph-detail").first).to_be_visible()
    if name == "waterfall":
        page.get_by_role("treegrid").focus()
        page.keyboard.press("Enter")
    if name in ("flame", "tree"):
        expect(page.locator(f"[data-panel={name}]")).to_be_visible()


def expected(group: str) -> str | None:
    """The browser itself says that an address it went to was answered with 400."""
    return "400" if group == "mistaken" else None


@pytest.mark.parametrize("group", PAGES)
def test_everyone_can_use_it(visit, filled, group):
    wrong = expected(group)
    assert troubles(visit, PAGES[group], settled, expected_errors=wrong) == []


@pytest.mark.parametrize("group", PAGES)
def test_it_fits_a_telephone_in_korean(visit, filled, group):
    def korean(page: Page, name: str) -> None:
        settled(page, name)
        assert page.evaluate("document.documentElement.lang") == "ko"

    wrong = expected(group)
    assert troubles(
        visit, PAGES[group], korean, axe=False, locale="ko-KR", expected_errors=wrong
    ) == []  # fmt: skip
