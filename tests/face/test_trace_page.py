"""The page of one trace in a real Chromium: waterfall, flames, tree, and its log lines."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.face.evidence import ERROR, HOSTILE, NOW, checkout, line, span, store
from tests.monitoring.store.conftest import clear

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def trace(portal_server, transactional_db) -> UUID:
    """An order over two services, with lines in time and hostile names."""
    clear()
    one = uuid4()
    lines = [line(text, NOW + timedelta(milliseconds=20), trace=one) for text in HOSTILE]
    store(
        *checkout(one),
        *[span(text, 230, 1, trace=one, id=200 + n, parent_id=40, attrs={text: text})
          for n, text in enumerate(HOSTILE)],
        *lines,
        line("charge refused", NOW + timedelta(milliseconds=190), ERROR, one),
    )  # fmt: skip
    return one


def test_the_waterfall_is_a_tree_for_the_keyboard(visit, trace):
    def look(page: Page) -> None:
        grid = page.get_by_role("treegrid")
        grid.focus()
        active = page.locator("[data-panel=waterfall] .ph-active")
        expect(active).to_contain_text("POST /checkout")
        expect(active).to_have_attribute("aria-level", "1")
        rows = page.locator("[data-panel=waterfall] .ph-line")
        before = rows.count()
        page.keyboard.press("ArrowLeft")
        expect(active).to_have_attribute("aria-expanded", "false")
        expect(rows).to_have_count(2)
        page.keyboard.press("ArrowRight")
        expect(rows).to_have_count(before)
        page.keyboard.press("ArrowRight")
        expect(active).to_contain_text("SELECT basket")
        expect(active).to_have_attribute("aria-level", "2")
        page.keyboard.press("Enter")
        expect(active.locator(".ph-detail")).to_contain_text("SELECT * FROM basket WHERE id = 0")
        page.keyboard.press("ArrowLeft")
        expect(active).to_contain_text("POST /checkout")
        page.keyboard.press("End")
        expect(active).to_contain_text("its parent was not received")
        expect(page.locator("[data-panel=waterfall] [data-readout]")).to_contain_text(
            "starts after 150 ms, takes 5 ms"
        )

    visit(f"/admin/traces/{trace.hex}/", look)


def test_failure_is_told_in_words_and_log_lines_stand_in_time(visit, trace):
    def look(page: Page) -> tuple[str, int, str]:
        row = page.locator("[data-panel=waterfall] .ph-line", has_text="charge").first
        marks = page.locator("[data-ruler] path")
        lines = page.locator("tr", has_text="charge refused").last.inner_text()
        return row.inner_text(), marks.count(), lines

    row, marks, lines = visit(f"/admin/traces/{trace.hex}/", look)
    assert "failed" in row
    assert marks == len(HOSTILE) + 1
    assert "190 ms" in lines


def test_flames_zoom_in_and_out_with_the_keyboard(visit, trace):
    def look(page: Page) -> None:
        frames = page.locator("[data-panel=flame] g[role=button]")
        expect(frames.first).to_have_attribute("tabindex", "0")
        whole = frames.count()
        frames.first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        readout = page.locator("[data-panel=flame] [data-readout]")
        expect(readout).to_contain_text("charge (evidence-shop): 135 ms in all")
        page.keyboard.press("Enter")
        path = page.locator("[data-trail]")
        expect(path).to_contain_text("all › POST /checkout › charge")
        expect(page.locator("g[role=button]:focus")).to_have_attribute(
            "aria-label", re.compile("^charge")
        )
        assert frames.count() < whole
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(frames).to_have_count(whole)
        page.get_by_text("Every span").click()
        expect(page.locator("g[aria-label^='SELECT basket']")).to_have_count(8)

    visit(f"/admin/traces/{trace.hex}/?view=flame", look)


def test_the_tree_is_walked_with_arrows_and_letters(visit, trace):
    def look(page: Page) -> None:
        items = page.get_by_role("treeitem")
        expect(items.first).to_be_visible()
        items.first.focus()
        focused = page.locator("[role=treeitem]:focus > .ph-leaf")
        expect(focused).to_contain_text("POST /checkout")
        page.keyboard.press("ArrowRight")
        expect(focused).to_contain_text("charge")
        page.keyboard.press("s")
        expect(focused).to_contain_text("SELECT basket")
        expect(focused).to_contain_text("8 times")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        expect(items).not_to_have_count(1)
        expect(page.locator("[role=treeitem]:visible")).to_have_count(2)
        page.keyboard.press("End")
        expect(focused).to_contain_text("stray")

    visit(f"/admin/traces/{trace.hex}/?view=tree", look)


def test_the_view_lives_in_the_address_and_the_way_back_works(visit, trace):
    def look(page: Page) -> str:
        page.get_by_role("link", name="Flame graph").click()
        page.wait_for_url("**view=flame")
        page.locator(".ph-tabs").get_by_role("link", name="Tree").click()
        expect(page.locator("[data-panel=tree]")).to_be_visible()
        page.go_back()
        expect(page.locator("[data-panel=flame]")).to_be_visible()
        expect(page.locator("[data-panel=tree]")).to_be_hidden()
        return page.url

    assert visit(f"/admin/traces/{trace.hex}/", look).endswith("view=flame")


def test_names_and_attributes_from_outside_are_text_in_every_view(visit, trace):
    def look(page: Page) -> str:
        page.get_by_role("treegrid").focus()
        page.get_by_role("button", name="Close all").wait_for()
        for view in ("Flame graph", "Tree"):
            page.locator(".ph-tabs").get_by_role("link", name=view).click()
        text = page.locator("[data-panel=tree]").inner_text()
        assert "<script>" in text
        assert not set(text) & set("\u202e\u2066\x07\x1b")
        assert page.locator(".ph script:not([type='application/json']), .ph img").count() == 0
        return page.title()

    assert visit(f"/admin/traces/{trace.hex}/", look) == "Trace | Pharos"


def test_without_a_script_the_spans_and_their_attributes_are_there(visit, trace):
    def look(page: Page) -> tuple[int, int]:
        return page.locator("tbody tr").count(), page.locator("noscript").count()

    rows, notes = visit(f"/admin/traces/{trace.hex}/", look, java_script_enabled=False)
    assert rows == 15 + 2 * len(HOSTILE) + 1
    assert notes > 0
