"""The page kit in a real Chromium: one range for all panels, keys, kiosk, views, honest states."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from apps.core.models import SavedView
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.face.conftest import SLOW_MS, keep

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOP = "/admin/?service=kit-shop"
DRAWN = ("queue_age", "memory")


@pytest.fixture
def shop(transactional_db) -> None:
    """Half an hour of two figures."""
    sender = Resource({"service.name": "kit-shop"})
    now = time.time_ns()
    age = Series(Metric("celery.queue.age", "s", Kind.GAUGE), sender, {"celery.queue.name": "low"})
    other = Series(age.metric, sender, {"celery.queue.name": "high"})
    memory = Series(Metric("system.memory.utilization", "1", Kind.GAUGE), sender, {})
    rows = [
        Sample(one, now - n * 10 * 10**9, 0.1 + (n % 7) / 10)
        for one in (age, other, memory)
        for n in range(180)
    ]
    assert committer().ingest(Batch(samples=rows)).accepted == len(rows)


@pytest.fixture
def on_shop(shop, visit) -> Callable[..., Any]:
    """`on_shop(look)`: the Overview of the shop, drawn."""

    def go(look: Callable[[Page], Any], query: str = "", **context: Any) -> Any:
        def drawn(page: Page) -> Any:
            for key in DRAWN:
                line(page, key)
            return look(page)

        return visit(SHOP + query, drawn, **context)

    return go


def line(page: Page, key: str) -> None:
    # A chart is drawn when it comes into sight.
    page.locator(f"#panel-{key}").scroll_into_view_if_needed()
    path = page.locator(f"#panel-{key} .scatterlayer path.js-line").first
    expect(path).to_be_attached(timeout=SLOW_MS)


def shown_range(page: Page, key: str) -> list[str]:
    plot = f"#panel-{key} [data-plot]"
    return page.evaluate(f"document.querySelector('{plot}')._fullLayout.xaxis.range.map(String)")


def drag(page: Page, key: str) -> None:
    plot = page.locator(f"#panel-{key} [data-plot] .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=8)
    page.mouse.up()


def label(page: Page) -> str:
    return page.locator("[data-range-label]").inner_text()


def test_a_drag_on_one_chart_zooms_all_and_the_back_button_returns(on_shop):
    def look(page: Page) -> None:
        before = {key: shown_range(page, key) for key in DRAWN}
        drag(page, "memory")
        page.wait_for_url(re.compile(r"from=\d{13}&to=\d{13}"))
        assert "service=kit-shop" in page.url
        expect(page.locator("[data-live]")).to_have_attribute(
            "data-state", "static", timeout=SLOW_MS
        )
        for key in DRAWN:
            page.locator(f"#panel-{key}").scroll_into_view_if_needed()
            plot = f"document.querySelector('#panel-{key} [data-plot]')"
            page.wait_for_function(
                f"{plot}._fullLayout.xaxis.range[0] !== '{before[key][0]}'", timeout=SLOW_MS
            )
        zoomed = {key: shown_range(page, key) for key in DRAWN}
        assert all(zoomed[key] != before[key] for key in DRAWN)
        assert zoomed["memory"] == zoomed["queue_age"]
        assert "–" in label(page)
        keep(page, "kit-zoomed")
        page.go_back()
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=SLOW_MS)
        expect(page.locator("[data-range-label]")).to_have_text("Last 15 minutes")

    on_shop(look)


def test_a_double_click_zooms_out(on_shop):
    def look(page: Page) -> str:
        plot = page.locator("#panel-memory [data-plot] .nsewdrag").first
        plot.scroll_into_view_if_needed()
        plot.dblclick()
        page.wait_for_url("**from=now-30m&to=now")
        return page.url

    assert "service=kit-shop" in on_shop(look)


def test_the_range_form_works_without_a_script_and_tells_mistakes_beside_the_field(visit):
    def look(page: Page) -> tuple[str, str]:
        page.locator("[data-range] summary").click()
        page.get_by_role("link", name="Last 6 hours").click()
        page.wait_for_url("**from=now-6h&to=now")
        page.locator("[data-range] summary").click()
        page.get_by_label("From").fill("yesterday")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url("**from=yesterday**")
        assert "service=pharos" in page.url
        page.locator("[data-range] summary").click()
        return page.locator("#range-from-error").inner_text(), label(page)

    told, shown = visit("/admin/?service=pharos", look, java_script_enabled=False)
    assert "`from` is not a time" in told
    assert shown == "Last 15 minutes"


def test_times_typed_are_the_readers_own(visit):
    def look(page: Page) -> str:
        # Until the page's script runs, the form is a plain one and takes times as UTC.
        expect(page.locator("[data-zone]").first).to_have_text("Asia/Seoul", timeout=SLOW_MS)
        page.wait_for_load_state("load")
        page.locator("[data-range] summary").click()
        page.get_by_label("From").fill("2026-03-28 10:00")
        page.get_by_label("To").fill("2026-03-28 11:00")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url(re.compile("from=2026-03-28T01"), wait_until="commit")
        expect(page.locator("[data-zone]").first).to_have_text("Asia/Seoul")
        page.locator("[data-range] summary").click()
        return page.get_by_label("From").input_value()

    assert visit("/admin/", look, timezone_id="Asia/Seoul") == "2026-03-28 10:00:00"


def test_keys_move_the_range_and_are_left_alone_while_typing(on_shop):
    def look(page: Page) -> None:
        page.keyboard.press("[")
        page.wait_for_url(re.compile(r"from=\d{13}"))
        expect(page.locator("[data-live]")).to_have_attribute(
            "data-state", "static", timeout=SLOW_MS
        )
        earlier = page.url
        page.keyboard.press("]")
        expect(page).not_to_have_url(earlier)
        page.locator("[data-range] summary").click()
        here = page.url
        field = page.get_by_label("From")
        field.fill("[k?")
        # An answer that fills the fields in leaves alone what somebody is typing.
        with page.expect_response(lambda answer: "/data" in answer.url, timeout=SLOW_MS):
            page.evaluate("dispatchEvent(new CustomEvent('ph:range'))")
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "static")
        expect(field).to_have_value("[k?")
        assert page.url == here
        page.keyboard.press("Escape")
        expect(page.locator("[data-menu][open]")).to_have_count(0)
        expect(field).not_to_have_value("[k?")

    on_shop(look)


def test_the_list_of_keys_opens_traps_the_focus_and_closes(visit):
    def look(page: Page) -> None:
        sheet = page.locator("[data-help-sheet]")
        page.keyboard.press("?")
        expect(sheet).to_be_visible()
        for _ in range(4):
            page.keyboard.press("Tab")
            focus = page.evaluate("document.activeElement.closest('dialog, body').tagName")
            # Between the last and the first control the browser itself may have the focus.
            assert focus == "DIALOG" or page.evaluate("document.activeElement === document.body")
        page.keyboard.press("k")
        assert "kiosk" not in page.url
        keep(page, "kit-keys")
        page.keyboard.press("Escape")
        expect(sheet).to_be_hidden()

    visit("/admin/about/", look)


def test_the_palette_knows_the_pages(visit):
    def look(page: Page) -> None:
        page.keyboard.press("Control+k")
        field = page.locator("#search-input-command")
        expect(field).to_be_visible()
        field.press_sequentially("rule")
        expect(page.locator("#command-results a").first).to_be_visible(timeout=30_000)

    visit("/admin/", look)


def test_the_kiosk_shows_the_page_alone_and_leads_back(on_shop):
    def look(page: Page) -> None:
        page.keyboard.press("k")
        page.wait_for_url("**kiosk=1")
        expect(page.locator("#nav-sidebar")).to_be_hidden()
        expect(page.locator("[data-range]")).to_be_hidden()
        page.wait_for_function("""() => {
            const plot = document.querySelector('#panel-memory [data-plot]');
            const drawn = plot.querySelector('.main-svg').getBoundingClientRect();
            return plot.clientHeight > 250 && Math.abs(drawn.width - plot.clientWidth) < 2
                && Math.abs(drawn.height - plot.clientHeight) < 2;
        }""")
        keep(page, "kit-kiosk")
        page.get_by_role("button", name="Leave kiosk").click()
        expect(page.locator("#nav-sidebar")).to_be_visible()

    on_shop(look, viewport={"width": 1400, "height": 900})


def test_a_view_is_saved_made_the_default_opened_and_deleted(visit, account):
    def look(page: Page) -> None:
        menu = page.locator("[data-views]")
        menu.locator("summary").click()
        page.get_by_label("Save this view as").fill("Last night")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(menu.get_by_role("link", name="Last night")).to_be_visible()
        page.get_by_role("button", name="Open the page with it: Last night").click()
        expect(
            page.get_by_role("button", name="Not by default any more: Last night")
        ).to_be_visible()
        page.get_by_label("Save this view as").fill("Last night")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(menu.locator("#view-mistake")).to_contain_text("already")
        keep(page, "kit-views")
        page.goto(page.url.split("?")[0])
        assert "from=now-6h" in page.url
        page.locator("[data-views] summary").click()
        page.get_by_role("button", name="Delete: Last night").click()
        expect(page.locator("[data-views]")).to_contain_text("No view of this page is saved yet.")

    visit("/admin/?from=now-6h&to=now", look, expected_errors="409")
    assert not SavedView.objects.exists()


def test_lines_are_switched_off_by_name_and_by_key(on_shop):
    def look(page: Page) -> None:
        panel = page.locator("#panel-queue_age")
        names = panel.locator("[data-legend] button")
        expect(names).to_have_count(2)
        names.first.focus()
        page.keyboard.press("Enter")
        expect(names.first).to_have_attribute("aria-pressed", "false")
        expect(panel.locator(".scatterlayer path.js-line")).to_have_count(1)

    on_shop(look)


def test_a_failed_load_is_tried_twice_again_and_a_wrong_one_never(visit):
    asked: list[str] = []
    answers = {"status": 503}

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        body = {
            "error": "unavailable",
            "message": "Away <b>now</b>.",
            "details": {},
            "request_id": "r-1",
        }
        route.fulfill(
            status=answers["status"], body=json.dumps(body), content_type="application/json"
        )

    def look(page: Page) -> None:
        page.route("**/overview/data**", fail)
        page.reload()
        panel = page.locator("#panel-requests")
        expect(panel.locator(".ph-when-error")).to_be_visible(timeout=SLOW_MS)
        expect(panel.locator(".ph-when-error")).to_contain_text("Away <b>now</b>.")
        expect(panel.locator(".ph-when-error")).to_contain_text("Request r-1")
        assert len(asked) == 3
        keep(page, "kit-error")
        answers["status"] = 400
        panel.locator("[data-retry]").click()
        expect(panel.locator(".ph-when-error")).to_be_visible()
        page.wait_for_timeout(1500)
        assert len(asked) == 4
        page.unroute("**/overview/data**")
        panel.locator("[data-retry]").click()
        expect(panel.locator(".ph-when-error")).to_be_hidden(timeout=SLOW_MS)

    visit("/admin/", look, expected_errors="503|400")


def test_a_module_gone_after_a_deploy_offers_a_reload(visit):
    def look(page: Page) -> None:
        page.route("**/kit/chart*.js", lambda route: route.fulfill(status=404, body=""))
        page.reload()
        offer = page.get_by_role("alert").filter(has_text="could not be loaded")
        expect(offer).to_be_visible(timeout=SLOW_MS)
        page.unroute("**/kit/chart*.js")
        offer.get_by_role("button", name="Reload").click()
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=SLOW_MS)

    visit("/admin/", look, expected_errors="404")


def test_preferences_stay_in_the_browser_and_hold_no_secret(on_shop, cookie):
    def look(page: Page) -> str:
        page.locator("[data-display] summary").click()
        page.get_by_label("Dense").check()
        page.get_by_label("Dark").check()
        expect(page.locator("html")).to_have_attribute("data-density", "dense")
        expect(page.locator("html")).to_have_class("dark")
        page.keyboard.press("Escape")
        keep(page, "kit-dense-dark")
        page.locator("[data-display] summary").click()
        with page.expect_navigation():
            page.locator("[name=ph-zone][value=utc]").check()
        expect(page.locator("[data-zone]").first).to_have_text("UTC")
        expect(page.locator("html")).to_have_attribute("data-density", "dense")
        return page.evaluate("JSON.stringify(localStorage)")

    kept = on_shop(look, timezone_id="Asia/Seoul")
    assert cookie not in kept
    assert "token" not in kept.lower()


def test_nothing_moves_when_the_figures_arrive(shop, visit):
    shifts = """() => new Promise((resolve) => {
        let sum = 0;
        const add = (entry) => { if (!entry.hadRecentInput) sum += entry.value; };
        new PerformanceObserver((list) => list.getEntries().forEach(add))
            .observe({type: 'layout-shift', buffered: true});
        setTimeout(() => resolve(sum), 300);
    })"""

    def look(page: Page) -> float:
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=SLOW_MS)
        expect(page.locator("[data-tile=memory] [data-value]")).not_to_have_text("…")
        return page.evaluate(shifts)

    # The bound under which web vitals call a page good.
    assert visit(SHOP, look) < 0.1
