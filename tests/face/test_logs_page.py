"""Following, summing up and exporting log lines, in a real Chromium."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from apps.monitoring.logexports import work
from apps.monitoring.store import logroll
from tests.face.conftest import keep
from tests.face.evidence import ERROR, HOSTILE, NOW, WARN, line
from tests.face.evidence import store as add
from tests.face.walking import both_themes, broken_rules
from tests.monitoring.store.conftest import clear

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOP = "service=evidence-shop"


def worker():
    """One run of the worker, in a thread of its own: a loop of Playwright's runs in this one."""

    def run():
        try:
            work.work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result(30)


@pytest.fixture(autouse=True)
def empty_store(portal_server, transactional_db):
    clear()


def test_lines_are_followed_with_the_filter_of_the_list(visit, portal_server):
    add(line("already there", severity=ERROR))

    def look(page: Page):
        page.get_by_role("button", name="Follow").click()
        tail = page.get_by_role("log")
        expect(tail).to_contain_text("already there")
        add(line("quiet"), *[line(text, severity=ERROR) for text in HOSTILE])
        expect(tail).to_contain_text("onmouseover")
        expect(tail).not_to_contain_text("quiet")
        assert page.title().startswith("Log lines")
        add(*[line(f"flood {n}", severity=ERROR) for n in range(700)])
        expect(tail).to_contain_text("flood 699")
        lost = int(page.locator("[data-said]").first.get_attribute("data-lost"))
        shown = tail.locator("li").count()
        keep(page, "logs-tail")
        rules = broken_rules(page)

        page.get_by_role("button", name="Pause").click()
        add(line("while it rested", severity=ERROR))
        expect(page.locator("[data-said]").first).to_contain_text("1 lines wait")
        expect(tail).not_to_contain_text("while it rested")
        page.get_by_role("button", name="Go on").click()
        expect(tail).to_contain_text("while it rested")
        # The address holds it: the same is followed after a reload.
        assert "live=1" in page.url
        page.reload()
        expect(page.get_by_role("log")).to_contain_text("while it rested")
        page.get_by_role("button", name="Stop following").click()
        assert "live=1" not in page.url
        return lost, shown, rules

    lost, shown, rules = visit(f"/admin/logs/?{SHOP}&level=error", look)
    assert lost >= 300
    assert lost + shown >= 700
    assert rules == []


def test_what_lines_say_as_a_whole_leads_to_the_lines(visit):
    minute = NOW.replace(second=0) - timedelta(minutes=5)
    add(*[line(f"order {n} paid by u{n}", minute + timedelta(seconds=n % 50)) for n in range(90)])
    add(*[line(f"order {n} refused", minute, ERROR) for n in range(9)], line("low", minute, WARN))
    logroll.roll_up(NOW + timedelta(minutes=5))

    def look(page: Page):
        page.wait_for_function("window.Plotly !== undefined")
        expect(
            page.locator("[data-panel='lines'] .js-plotly-plot, [data-panel='lines'] svg").first
        ).to_be_visible()
        expect(page.get_by_text("100 lines")).to_be_visible()
        rules = both_themes(page, "log-analytics")
        page.set_viewport_size({"width": 390, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        keep(page, "log-analytics-narrow")
        page.get_by_role("region", name="Most frequent templates").get_by_role(
            "link", name="refused"
        ).click()
        expect(page.locator("#logs tbody tr").first).to_contain_text("refused")
        return rules, wide, page.locator("#logs tbody tr").count()

    rules, wide, found = visit(f"/admin/log-analytics/?{SHOP}", look)
    assert (rules, wide <= 0, found) == ([], True, 9)


def test_a_search_is_exported_fetched_and_deleted(visit):
    add(*[line(f"line {n}", severity=ERROR) for n in range(12)])

    def look(page: Page):
        page.get_by_role("button", name="Export all to a file").click()
        page.wait_for_url("**/admin/log-exports/")
        expect(page.locator("tbody tr")).to_contain_text("queued")
        worker()
        link = page.get_by_role("link", name="Download CSV")
        expect(link).to_be_visible()
        with page.expect_download() as fetched:
            link.click()
        keep(page, "log-exports")
        rules = broken_rules(page)
        size = fetched.value.path().stat().st_size
        page.get_by_role("button", name="Delete").click()
        expect(page.locator("tbody tr")).to_contain_text("cancelled")
        return size, rules

    size, rules = visit(f"/admin/logs/?{SHOP}&level=error", look)
    assert size > 100
    assert rules == []


def test_pages_with_nothing_to_show_say_so(visit):
    def look(page: Page):
        expect(page.get_by_text("No sentence was said for the first time")).to_be_visible()
        keep(page, "log-analytics-empty")
        page.goto(page.url.replace("analytics", "exports"))
        expect(page.get_by_text("Nothing was exported yet.")).to_be_visible()
        return broken_rules(page)

    assert visit("/admin/log-analytics/", look) == []
