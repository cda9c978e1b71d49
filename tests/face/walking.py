"""Many pages in one visit: what axe finds on each, and which are wider than a telephone."""

from collections.abc import Callable, Mapping
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.face.conftest import darken, keep

WIDE = {"width": 1400, "height": 900}
NARROW = {"width": 390, "height": 844}
# Rules that the skin's own templates break; ours must break none.
WAIVED: dict[str, str] = {}
# Only what is wrong leaves the page: all that axe passed takes longer to carry than to find.
_BROKEN = """async (options) => (await axe.run(document, options)).violations.flatMap(
    (rule) => rule.nodes.map((node) => [rule.id, node.html, node.failureSummary ?? ""]))"""
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def broken_rules(page: Page, rule: str = "") -> list[str]:
    """What axe finds against WCAG 2.2 A and AA, or against one of its rules."""
    only = {"type": "rule", "values": [rule]} if rule else {"type": "tag", "values": _TAGS}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {"runOnly": only, "resultTypes": ["violations"], "selectors": False}
    found: list[list[str]] = page.evaluate(_BROKEN, options)
    return [
        f"{name}: {html[:200]} — {summary[:300]}"
        for name, html, summary in found
        if name not in WAIVED
    ]


def too_wide(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(wider, 0)


def both_themes(page: Page, name: str) -> list[str]:
    """What axe finds on the open light page, then in the dark: there only colours differ."""
    keep(page, f"{name}-light")
    found = broken_rules(page)
    darken(page)
    keep(page, f"{name}-dark")
    return [f"{name}: {rule}" for rule in (*found, *broken_rules(page, "color-contrast"))]


def troubles(
    visit: Callable[..., Any],
    pages: Mapping[str, str],
    settle: Callable[[Page, str], None],
    *,
    axe: bool = True,
    **context: Any,
) -> list[str]:
    """What is wrong with these pages (name → path), light, dark and on a telephone.

    One visit for all: a fresh profile loads every script again. `settle(page, name)` waits until
    the page is what people see.
    """

    def look(page: Page) -> list[str]:
        found = []
        base = page.url.partition("/admin/")[0]
        for name, path in pages.items():
            page.emulate_media(color_scheme="light")
            page.set_viewport_size(WIDE if axe else NARROW)
            page.goto(base + path)
            settle(page, name)
            if axe:
                found += both_themes(page, name)
                page.set_viewport_size(NARROW)
            else:
                keep(page, f"{name}-narrow")
            if wider := too_wide(page):
                found.append(f"{name} is {wider} px wider than a telephone")
        return found

    told: list[str] = visit(next(iter(pages.values())), look, viewport=WIDE, **context)
    return told
