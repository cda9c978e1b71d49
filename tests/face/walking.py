"""Many pages in one visit: what axe finds on each, and which are wider than a telephone."""

from collections.abc import Callable, Mapping
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.face.conftest import keep

WIDE = {"width": 1400, "height": 900}
NARROW = {"width": 390, "height": 844}
# Rules that the skin's own templates break; ours must break none.
WAIVED: dict[str, str] = {}
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def broken_rules(page: Page, rule: str = "") -> list[str]:
    """What axe finds against WCAG 2.2 A and AA, or against one of its rules."""
    only = {"type": "rule", "values": [rule]} if rule else {"type": "tag", "values": _TAGS}
    found = Axe().run(page, options={"runOnly": only})
    return [
        f"{broken['id']}: {node['html'][:200]} — {node.get('failureSummary', '')[:300]}"
        for broken in found.response["violations"]
        if broken["id"] not in WAIVED
        for node in broken["nodes"]
    ]


def too_wide(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(wider, 0)


def troubles(
    visit: Callable[..., Any],
    pages: Mapping[str, str],
    settle: Callable[[Page, str], None],
    *,
    axe: bool = True,
    **context: Any,
) -> list[str]:
    """What is wrong with these pages (name → path), wide and on a telephone.

    One visit for all: a fresh profile loads every script again. `settle(page, name)` waits until
    the page is what people see.
    """

    def look(page: Page) -> list[str]:
        found = []
        base = page.url.partition("/admin/")[0]
        for name, path in pages.items():
            page.set_viewport_size(WIDE if axe else NARROW)
            page.goto(base + path)
            settle(page, name)
            keep(page, f"{name}-{context.get('color_scheme', 'narrow')}")
            if axe:
                found += [f"{name}: {rule}" for rule in broken_rules(page)]
                page.set_viewport_size(NARROW)
            if wider := too_wide(page):
                found.append(f"{name} is {wider} px wider than a telephone")
        return found

    told: list[str] = visit(next(iter(pages.values())), look, viewport=WIDE, **context)
    return told
