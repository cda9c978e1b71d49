"""What a page weighs on its first load, and when its largest part is painted.

Starts a whole portal of its own (collected, compressed files, as in production), signs in, and
opens each page in a Chromium with an empty cache: bytes over the wire as the browser counts them,
and the largest contentful paint. Medians of `--rounds`, pages in turn.
"""

import argparse
import os
import shutil
import signal
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks import harness
from benchmarks.idle import _sign_in

WEIGHT_LIMIT_KB, PAINT_LIMIT_MS = 600.0, 1500.0
PAGES = {
    "overview": "/admin/",
    "traces": "/admin/traces/",
    "logs": "/admin/logs/",
    "about": "/admin/about/",
    "rules": "/admin/alerts/rule/",
    "episodes": "/admin/alerts/episode/",
    "keys": "/admin/core/apikey/",
}
_PAINT = """() => new Promise((resolve) => {
    let last = 0;
    new PerformanceObserver((list) => { last = list.getEntries().at(-1).startTime; })
        .observe({type: 'largest-contentful-paint', buffered: true});
    setTimeout(() => resolve(last), 500);
})"""


def _open(browser, url, path, cookies):
    """Weight in kB and largest paint in ms of one first visit."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        context.add_cookies(
            [{"name": n, "value": v, "url": url} for n, v in (c.split("=", 1) for c in cookies)]
        )
        page = context.new_page()
        wire = context.new_cdp_session(page)
        sizes = []
        wire.send("Network.enable")
        wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        answer = page.goto(url + path, wait_until="load")
        assert answer.ok, (path, answer.status)
        if path == PAGES["overview"]:
            # Plotly comes after the first paint; a page that never asked for it weighs too little.
            page.wait_for_function("window.Plotly !== undefined", timeout=60_000)
            page.wait_for_function("document.fonts.status === 'loaded'")
        return sum(sizes) / 1000, page.evaluate(_PAINT)
    finally:
        context.close()


def _measure(url, cookies, rounds):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        arms = {
            name: lambda path=path: _open(browser, url, path, cookies)
            for name, path in PAGES.items()
        }
        found = harness.interleaved(arms, rounds)
        browser.close()
    return found


def _running(rounds):
    home = Path(tempfile.mkdtemp(prefix="pharos-pages-"))
    port = harness.free_port()
    environment = {"PHAROS_HOME": str(home), "PORT": str(port)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    argv = [harness.BIN / "python", "-m", "portal.run"]
    url = f"http://127.0.0.1:{port}"

    def healthy():
        return urllib.request.urlopen(f"{url}/health", timeout=2).status == 200

    try:
        with harness.process([*argv, "up"], healthy, environment, 120, signal.SIGINT):
            deadline = time.monotonic() + 30
            while not (home / "admin_password").exists() and time.monotonic() < deadline:
                time.sleep(0.2)
            # Some minutes of a portal's life are some seconds of its own figures here.
            time.sleep(25)
            cookies, _opener = _sign_in(url, home)
            return _measure(url, cookies.split("; "), rounds)
    finally:
        with harness.process([*argv, "reset"], lambda: not home.exists(), environment, 60):
            pass


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    found = _running(parser.parse_args().rounds)
    rows = [
        (name, harness.median([kb for kb, _ in seen]), harness.median([ms for _, ms in seen]))
        for name, seen in found.items()
    ]
    harness.table(("page", "kB", "LCP ms"), rows)
    heaviest, slowest = max(kb for _, kb, _ in rows), max(ms for *_, ms in rows)
    harness.summary(
        "pages", passed=heaviest <= WEIGHT_LIMIT_KB and slowest <= PAINT_LIMIT_MS,
        heaviest_kb=heaviest, slowest_ms=slowest,
        weight_limit_kb=WEIGHT_LIMIT_KB, paint_limit_ms=PAINT_LIMIT_MS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
