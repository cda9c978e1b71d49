"""The data client of the kit, run alone in Chromium: few requests, and none too many."""

import json

import pytest
from playwright.sync_api import Page, Route

from tests.face.test_lists_kit import run

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Endpoint:
    """An address that answers when told to. `asked` counts what reached it."""

    def __init__(self, page: Page) -> None:
        self.page, self.waiting, self.asked, self.lost = page, [], 0, []
        page.route("**/held?*", self._hold)
        page.on("requestfailed", lambda sent: self.lost.append(sent.url))

    def _hold(self, route: Route) -> None:
        self.asked += 1
        self.waiting.append(route)

    def until(self, asked: int) -> None:
        for _ in range(200):
            if self.asked >= asked:
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"{self.asked} of {asked} requests came")

    def answer(self, status: int, body: object, **headers: str) -> None:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.waiting.pop(0).fulfill(
            status=status, body=json.dumps(body), headers=told, content_type="application/json"
        )


# Starts `getJson` and keeps what becomes of it under a name.
START = """
  window.told ??= {};
  window.controls ??= {};
  for (const { name, url, slot, freshMs, signal } of given) {
    if (signal) window.controls[name] = new AbortController();
    const options = { slot, freshMs, signal: window.controls[name]?.signal };
    m.getJson(url, options).then(
      (body) => { window.told[name] = body; },
      (error) => { window.told[name] = `${error.name} ${error.status ?? ""} ${error.message}`; },
    );
  }
"""


def start(page: Page, *wishes: dict) -> None:
    run(page, "client.js", START, list(wishes))


def told(page: Page, name: str) -> object:
    page.wait_for_function("(name) => window.told[name] !== undefined", arg=name)
    return page.evaluate("(name) => window.told[name]", name)


def test_who_is_told_to_wait_waits_that_long(visit):
    def look(page: Page) -> int:
        page.clock.install()
        held = Endpoint(page)
        start(page, {"name": "one", "url": "/held?1", "freshMs": 0})
        held.until(1)
        held.answer(503, {"message": "Busy."}, Retry_After="7")
        # Only this clock moves in the page: its own first pause would be over in half a second.
        passed_ms = 0
        while held.asked < 2 and passed_ms < 60_000:
            page.clock.run_for(500)
            passed_ms += 500
        held.answer(200, {"n": 2})
        assert told(page, "one") == {"n": 2}
        assert held.asked == 2
        return passed_ms

    assert visit("/admin/about/", look, expected_errors="503") >= 7_000


def test_the_same_question_asked_twice_at_once_is_one_request(visit):
    def look(page: Page) -> None:
        held = Endpoint(page)
        start(page, *[{"name": name, "url": "/held?1", "slot": name} for name in "abc"])
        held.until(1)
        held.answer(200, {"n": 1})
        assert [told(page, name) for name in "abc"] == [{"n": 1}] * 3
        # And remembered, unless it must be fresh.
        start(page, {"name": "later", "url": "/held?1"})
        assert told(page, "later") == {"n": 1}
        assert held.asked == 1
        start(page, {"name": "fresh", "url": "/held?1", "freshMs": 0})
        held.until(2)
        held.answer(200, {"n": 2})
        assert told(page, "fresh") == {"n": 2}

    visit("/admin/about/", look)


def test_a_newer_question_for_one_place_ends_the_older(visit):
    def look(page: Page) -> None:
        held = Endpoint(page)
        start(page, {"name": "old", "url": "/held?old", "slot": "place"})
        held.until(1)
        start(page, {"name": "new", "url": "/held?new", "slot": "place"})
        assert str(told(page, "old")).startswith("AbortError")
        held.until(2)
        held.waiting.pop(0)
        held.answer(200, {"n": "new"})
        assert told(page, "new") == {"n": "new"}
        assert [url[-3:] for url in held.lost] == ["old"]

    visit("/admin/about/", look, expected_errors="Failed to load")


def test_who_gives_up_waiting_takes_nothing_from_others(visit):
    def look(page: Page) -> None:
        held = Endpoint(page)
        wish = {"url": "/held?1", "signal": True, "freshMs": 0}
        start(page, {"name": "a", **wish}, {"name": "b", **wish})
        held.until(1)
        page.evaluate("controls.a.abort()")
        assert str(told(page, "a")).startswith("AbortError")
        held.answer(200, {"n": 1})
        assert told(page, "b") == {"n": 1}
        assert held.lost == []
        # The last to give up ends the request itself.
        start(page, {"name": "c", **wish}, {"name": "d", **wish})
        held.until(2)
        page.evaluate("controls.c.abort(); controls.d.abort()")
        assert str(told(page, "d")).startswith("AbortError")
        start(page, {"name": "e", **wish})
        held.until(3)
        held.waiting.pop(0)
        held.answer(200, {"n": 3})
        assert told(page, "e") == {"n": 3}
        assert len(held.lost) == 1

    visit("/admin/about/", look, expected_errors="Failed to load")
