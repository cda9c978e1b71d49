"""The Overview to a Korean reader in a real Chromium: what scripts write is Korean, too."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TICKS = """async () => {
    const script = document.querySelector('script[src*="overview"]').src;
    const { plotly } = await import(new URL('kit/plotly.js', script));
    const Plotly = await plotly();
    const place = document.createElement('div');
    document.body.append(place);
    const x = ['2026-03-01 06:00', '2026-03-03 18:00'];
    const size = {width: 900, height: 300};
    await Plotly.newPlot(place, [{x, y: [1, 2]}], size, {locale: document.documentElement.lang});
    return [...place.querySelectorAll('.xtick text')].map((text) => text.textContent);
}"""


@pytest.mark.parametrize(
    ("locale", "first"), [("ko-KR", "2026년 3월 1일"), ("en-GB", "Mar 1, 2026")]
)
def test_the_dates_of_charts_are_in_the_language_of_the_page(visit, locale, first):
    ticks = visit("/admin/", lambda page: page.evaluate(TICKS), locale=locale)
    assert any(re.search(first, tick) for tick in ticks), ticks


def test_names_and_reasons_stay_korean_once_the_script_has_its_figures(visit):
    def look(page: Page) -> str:
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=30_000)
        # Filled by the script: the server leaves it empty.
        expect(page.locator("[data-component=web]")).to_have_attribute("title", re.compile("확인"))
        return page.locator("[data-components]").inner_text()

    told = visit("/admin/", look, locale="ko-KR")
    for name in ("웹", "워커", "비트", "수신"):
        assert name in told
    assert re.search("[A-Z][a-z]+ [a-z]+", told) is None
