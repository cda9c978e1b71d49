"""Screens on walls and links passed on: the kiosk wakes, links are copied, views are shared."""

import re

import pytest
from playwright.sync_api import Page, expect

from apps.core.models import SavedView
from tests.face.test_browser import live

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LOCKS = """() => {
    window.locks = [];
    const request = async () => {
        const lock = { released: false, release() { this.released = true; } };
        window.locks.push(lock);
        return lock;
    };
    Object.defineProperty(navigator, 'wakeLock', {value: {request}, configurable: true});
}"""
HIDE = """(hidden) => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_kiosk_stays_awake_and_shows_what_is_now_when_it_wakes(visit):
    def look(page: Page) -> None:
        page.add_init_script(f"({LOCKS})()")
        page.reload()
        live(page)
        assert page.evaluate("locks.length") == 0
        page.keyboard.press("k")
        page.wait_for_url("**kiosk=1")
        page.wait_for_function("locks.length === 1")
        # The browser takes the lock away from a hidden page.
        page.evaluate(HIDE, True)
        with page.expect_response("**/overview/data**"):
            page.evaluate(HIDE, False)
        page.wait_for_function("locks.length === 2")
        with page.expect_response("**/overview/data**"):
            page.evaluate("dispatchEvent(new Event('online'))")
        page.get_by_role("button", name="Leave kiosk").click()
        page.wait_for_function("locks.at(-1).released")
        # A page that is no kiosk follows its live topic, and asks for nothing.
        asked: list[str] = []
        page.on("request", lambda sent: asked.append(sent.url) if "/data" in sent.url else None)
        page.evaluate("dispatchEvent(new Event('online'))")
        page.evaluate("1")
        assert asked == []

    visit("/admin/", look)


def test_a_link_is_copied_without_what_is_only_of_this_screen(visit):
    def look(page: Page) -> str:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("[data-views] summary").click()
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("status").filter(has_text="Link copied")).to_be_attached()
        return page.evaluate("navigator.clipboard.readText()")

    copied = visit("/admin/?service=pharos&from=now-6h&to=now&plain=1", look)
    assert re.fullmatch(r"http://[^/]+/admin/\?service=pharos&from=now-6h&to=now", copied)


def test_a_refused_clipboard_is_told_in_the_menu(visit):
    def look(page: Page) -> None:
        page.evaluate("""() => Object.defineProperty(navigator, 'clipboard', {
            value: {writeText: () => Promise.reject(new Error('Not allowed.'))}})""")
        page.locator("[data-views] summary").click()
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator("#view-mistake")).to_have_text("Not allowed.")

    visit("/admin/about/", look)


def test_a_view_is_shared_and_unshared_from_the_menu(visit, account):
    SavedView.objects.create(owner=account, page="/admin/", name="mine", query="from=now-6h")

    def look(page: Page) -> None:
        page.locator("[data-views] summary").click()
        page.get_by_role("button", name="Share: mine").click()
        expect(page.get_by_role("button", name="Stop sharing: mine")).to_be_visible()

    visit("/admin/", look)
    assert SavedView.objects.get().shared

    def back(page: Page) -> None:
        page.locator("[data-views] summary").click()
        page.get_by_role("button", name="Stop sharing: mine").click()
        expect(page.get_by_role("button", name="Share: mine")).to_be_visible()

    visit("/admin/", back)
    assert not SavedView.objects.get().shared


def test_what_others_share_is_seen_and_cannot_be_changed(visit, django_user_model):
    other = django_user_model.objects.create_user("<b>eve</b>", is_staff=True)
    SavedView.objects.create(owner=other, page="/admin/", name="theirs", shared=True)

    def look(page: Page) -> int:
        page.locator("[data-views] summary").click()
        item = page.locator("[data-views] li").filter(has_text="theirs")
        expect(item).to_contain_text("shared by <b>eve</b>")
        return item.get_by_role("button").count()

    assert visit("/admin/", look) == 0


def test_r_loads_a_page_anew_that_has_no_panels_to_load(visit):
    def look(page: Page) -> None:
        with page.expect_navigation():
            page.keyboard.press("r")
        page.goto(page.url.replace("/logs/", "/"))
        live(page)
        with page.expect_response("**/overview/data**"):
            page.keyboard.press("r")
        expect(page.get_by_role("status").filter(has_text="Refreshed")).to_be_attached()

    visit("/admin/logs/", look)
