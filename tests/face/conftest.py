"""A real Chromium on the real web server.

Playwright's own event loop would make Django refuse the database in the same thread, so the browser
lives in a thread of its own: `browser_run(visit)` calls `visit(page)` there.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.conftest import PROJECT, STAFF_PASSWORD, RunningServer

ARTIFACTS = PROJECT / "test-artifacts"
# What a page may take on a machine that runs other tests beside.
SLOW_MS = 30_000
expect.set_options(timeout=SLOW_MS)
CHROMIUM_ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


class BrowserThread:
    """Chromium, driven from one thread of its own."""

    def __init__(self, executable: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._executable = executable
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._thread.submit(self._start).result(90)

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=self._executable, args=CHROMIUM_ARGS
        )

    def run(self, visit: Callable[[Page], Any], **context: Any) -> Any:
        """Call `visit(page)` with a fresh profile; fails on any error in the console."""
        return self._thread.submit(self._visit, visit, context).result(150)

    def _visit(self, visit: Callable[[Page], Any], context: dict[str, Any]) -> Any:
        assert self._browser is not None
        expected = context.pop("expected_errors", None)
        profile = self._browser.new_context(**context)
        troubles: list[str] = []
        page = profile.new_page()
        page.set_default_timeout(SLOW_MS)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console", lambda said: troubles.append(said.text) if said.type == "error" else None
        )
        try:
            found = visit(page)
        finally:
            profile.close()
        assert [t for t in troubles if not expected or not re.search(expected, t)] == []
        return found

    def close(self) -> None:
        def stop() -> None:
            if self._browser is not None:
                self._browser.close()
            if self._playwright is not None:
                self._playwright.stop()

        self._thread.submit(stop).result(60)
        self._thread.shutdown()


@pytest.fixture(scope="session")
def browser_thread() -> Iterator[BrowserThread]:
    executable = chromium()
    if executable is None:
        pytest.skip("No Chromium is installed; on Debian: apt install chromium")
    thread = BrowserThread(executable)
    yield thread
    thread.close()


@pytest.fixture
def account(transactional_db) -> User:
    """A superuser the real server sees, since the row is committed."""
    return User.objects.create_superuser("face", "face@example.com", STAFF_PASSWORD)


@pytest.fixture
def cookie(account: User) -> str:
    """The session cookie of `account`."""
    client = Client()
    client.force_login(account)
    return client.cookies["sessionid"].value


@pytest.fixture
def session(cookie: str) -> Session:
    return Session.objects.get(session_key=cookie)


@pytest.fixture
def visit(
    portal_server: RunningServer, browser_thread: BrowserThread, cookie: str
) -> Callable[..., Any]:
    """`visit(path, look, **context)` opens a page signed in and gives what `look(page)` gives."""

    def go(path: str, look: Callable[[Page], Any], **context: Any) -> Any:
        def signed_in(page: Page) -> Any:
            page.context.add_cookies(
                [{"name": "sessionid", "value": cookie, "url": portal_server.url}]
            )
            page.goto(portal_server.url + path)
            return look(page)

        return browser_thread.run(signed_in, **context)

    return go


def darken(page: Page) -> None:
    """Switch an open page to the dark theme, at once; the skin follows the system's on loading."""
    page.emulate_media(color_scheme="dark")
    page.evaluate("""() => {
      document.documentElement.classList.add("dark");
      for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
    }""")


_DRAWN = """() => document.fonts.ready.then(() => new Promise(
    (drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))"""


def keep(page: Page, name: str) -> None:
    """Save a screenshot for people to look at; in CI, where none do, the page is only drawn."""
    if os.environ.get("CI"):
        page.evaluate(_DRAWN)
        return
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
