"""`kit/live.js` in a real Chromium, against a server that behaves as each test wants."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute

from apps.core.live.topics import canonical

pytestmark = [pytest.mark.browser, pytest.mark.slow]

START = """async (names) => {
    const { Live } = await import('/static/js/kit/live.js');
    window.seen = [];
    window.states = [];
    window.live = new Live(names, {
        message: (message) => seen.push(message),
        state: (state, waitMs) => states.push([state, waitMs]),
    });
}"""
HIDE = """(hidden) => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""
NAME = "logs?level=error&service=a+b"


def told(at: str, **more: Any) -> bytes:
    common = {"topic": NAME, "state": "ok", "at": at, "interval_s": 2, "data": {"n": 1}}
    return json.dumps({**common, **more}).encode()


class Server:
    """Records what each socket of the page says; `answer` is called with what was said."""

    def __init__(self, page: Page, answer: Callable[[WebSocketRoute, Any], None]) -> None:
        self.page = page
        self.sockets: list[WebSocketRoute] = []
        self.said: list[list[Any]] = []
        self.answer = answer
        page.clock.install()
        page.route_web_socket("**/ws/live", self._serve)
        page.reload()

    def _serve(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        said: list[Any] = []
        self.said.append(said)

        def heard(message: str | bytes) -> None:
            said.append(json.loads(message))
            self.answer(socket, said[-1])

        socket.on_message(heard)

    def start(self, *names: str) -> None:
        self.page.evaluate(START, list(names))

    def until(self, holds: str) -> None:
        self.page.wait_for_function(holds)


def states(page: Page) -> list[str]:
    return [state for state, _ in page.evaluate("states")]


def test_topics_and_their_filters_outlive_every_reconnect(visit):
    def look(page: Page) -> list[list[Any]]:
        server = Server(page, lambda socket, _: socket.send(told("a")))
        server.start("logs?service=a%20b&level=error", "plain")
        server.until("seen.length === 1")
        page.evaluate("live.subscribe('later')")
        server.until("seen.length === 2")
        page.evaluate("live.unsubscribe('plain', 'never')")
        server.until("seen.length === 3")
        server.sockets[0].close(code=1012)
        server.until("states.at(-1)[0] === 'waiting'")
        page.clock.fast_forward(10_000)
        server.until("seen.length === 4")
        return server.said

    first, second = visit("/admin/about/", look)
    assert first == [
        {"action": "subscribe", "topics": [NAME, "plain"]},
        {"action": "subscribe", "topics": ["later"]},
        {"action": "unsubscribe", "topics": ["plain"]},
    ]
    assert second == [{"action": "subscribe", "topics": [NAME, "later"]}]


def test_what_stayed_the_same_is_shown_again_as_of_now(visit):
    def look(page: Page) -> list[Any]:
        def answer(socket: WebSocketRoute, _: Any) -> None:
            for message in (told("a"), json.dumps({"topic": NAME, "state": "same", "at": "b"}),
                            json.dumps({"topic": "other", "state": "same", "at": "c"}),
                            told("d", topic="not ours"), told("e", data={"n": 2})):  # fmt: skip
                socket.send(message if isinstance(message, bytes) else message.encode())

        server = Server(page, answer)
        server.start(NAME)
        server.until("seen.length === 3")
        return [(m["state"], m["at"], m["data"]) for m in page.evaluate("seen")]

    assert visit("/admin/about/", look) == [
        ("ok", "a", {"n": 1}),
        ("ok", "b", {"n": 1}),
        ("ok", "e", {"n": 2}),
    ]


def test_a_hidden_tab_rests_and_comes_back_but_a_glance_elsewhere_costs_nothing(visit):
    def look(page: Page) -> tuple[int, int, list[str]]:
        server = Server(page, lambda socket, _: socket.send(told("a")))
        server.start(NAME)
        server.until("seen.length === 1")
        page.evaluate(HIDE, True)
        page.clock.fast_forward(1000)
        page.evaluate(HIDE, False)
        page.clock.fast_forward(10_000)
        page.evaluate("live.subscribe('still-there')")
        server.until("seen.length === 2")
        glanced = len(server.sockets)
        page.evaluate(HIDE, True)
        page.clock.fast_forward(4000)
        server.until("states.at(-1)[0] === 'paused'")
        page.clock.fast_forward(600_000)
        page.evaluate(HIDE, False)
        server.until("seen.length === 3")
        return glanced, len(server.sockets), states(page)

    glanced, sockets, shown = visit("/admin/about/", look)
    assert (glanced, sockets) == (1, 2)
    assert shown == ["connecting", "open", "open", "paused", "connecting", "open"]


@pytest.mark.parametrize("code", [4401, 4403])
def test_the_signed_out_do_not_knock_again_until_somebody_looks(visit, code):
    def look(page: Page) -> tuple[int, int, list[str]]:
        server = Server(page, lambda socket, _: socket.close(code=code))
        server.start(NAME)
        server.until("states.at(-1)[0] === 'signed-out'")
        page.clock.fast_forward(3_600_000)
        quiet = len(server.sockets)
        page.evaluate(HIDE, False)
        server.until("states.filter(([state]) => state === 'signed-out').length === 2")
        return quiet, len(server.sockets), states(page)

    quiet, sockets, shown = visit("/admin/about/", look)
    assert (quiet, sockets) == (1, 2)
    assert shown == ["connecting", "signed-out"] * 2


def test_waits_grow_and_are_spread(visit):
    def look(page: Page) -> list[float]:
        server = Server(page, lambda socket, _: socket.close(code=1011))
        server.start(NAME)
        for number in range(1, 9):
            server.until(f"states.filter(([state]) => state === 'waiting').length === {number}")
            page.clock.fast_forward(61_000)
        return [wait for state, wait in page.evaluate("states") if state == "waiting"]

    waits = visit("/admin/about/", look)
    for number, wait in enumerate(waits):
        about = min(1000 * 2**number, 30_000)
        assert 0.3 * about <= wait <= 2.0 * about
    assert len(set(waits)) == len(waits)


def test_a_connection_that_fell_silent_is_made_anew(visit):
    def look(page: Page) -> int:
        server = Server(page, lambda socket, _: socket.send(told("a")))
        server.start(NAME)
        server.until("seen.length === 1")
        page.clock.run_for(40_000)
        server.until("seen.length >= 2")
        return len(server.sockets)

    assert visit("/admin/about/", look) == 2


def test_page_and_server_spell_a_filter_alike(visit):
    values = ["", "a b", "a+b", "~*-._", "é한글", "&=?#%", "'\"<>", "\U0001f600"]

    def look(page: Page) -> list[str]:
        return page.evaluate(
            """async (values) => {
                const { topic } = await import('/static/js/kit/live.js');
                return values.map((value) => topic('logs', {z: value, a: 'x', n: null, k: 1}));
            }""",
            values,
        )

    spelled = visit("/admin/about/", look)
    assert [canonical(name) for name in spelled] == spelled
    assert spelled[0] == "logs?a=x&k=1"
