"""docs/how-to/add-a-page.md, followed word for word in a copy of the project."""

import re
import shutil
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Page, expect

from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.conftest import PROJECT, RunningServer, free_port, wait_until
from tests.face.conftest import keep
from tests.face.walking import broken_rules
from tests.monitoring.store.conftest import clear
from tests.servers import answers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOW_TO = PROJECT / "docs" / "how-to" / "add-a-page.md"
_BLOCK = re.compile(r"^ *```(?:python|html)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"(?:# |<!-- )(\S+\.(?:py|html))(?:: (\w+))?(?: -->)?\n")
# Where a snippet goes in a file that exists: after this line.
_AFTER = {
    "imports": "from portal import about, intake, retention\n",
    "urlpatterns": "urlpatterns: list[URLPattern] = [\n",
    "sidebar": '_link(_("Log analytics"), "bar_chart", "log-analytics-page", _LINES),\n',
}


def blocks() -> list[tuple[str, str, str]]:
    """File, place in it ("" for a new file), and text of every block."""
    found = []
    for text in _BLOCK.findall(HOW_TO.read_text()):
        body = textwrap.dedent("".join(f"{line[3:]}\n" for line in text.splitlines()))
        place = _PLACE.match(body)
        assert place is not None, f"this block names no file: {body[:80]}"
        found.append((place[1], place[2] or "", body[place.end() :]))
    return found


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is once somebody has followed the page."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("portal", "templates"):
        shutil.copytree(PROJECT / folder, copy / folder)
    for folder in ("apps", "static", "locale"):
        (copy / folder).symlink_to(PROJECT / folder)
    for name, place, text in blocks():
        target = copy / name
        if not place:
            target.write_text(text)
            continue
        before = target.read_text()
        assert before.count(_AFTER[place]) == 1
        target.write_text(before.replace(_AFTER[place], _AFTER[place] + text))
    return copy


@pytest.fixture(scope="module")
def server(followed: Path, portal_process, django_db_blocker) -> RunningServer:
    with django_db_blocker.unblock():
        # A worker of a former module may have told of its queues.
        clear()
        connection.close()
    port = free_port()
    process, log = portal_process(
        "web", "granian", "--interface", "asgi", "--port", str(port), "--loop", "uvloop",
        "--log-level", "warning", f"{followed}/portal/asgi.py:application",
        port=port, PYTHONPATH=str(followed), PYTHONSAFEPATH="1",
    )  # fmt: skip
    found = RunningServer(f"http://127.0.0.1:{port}", port, process, log)
    wait_until(lambda: answers(f"{found.url}/health"), process, log)
    return found


def test_whoever_follows_the_page_has_a_page(server, browser_thread, cookie):
    now = time.time_ns()
    age = Metric("celery.queue.age", "s", Kind.GAUGE)
    queues = [
        Series(age, Resource({"service.name": "pharos"}), {"celery.queue.name": name})
        for name in ("high", "low")
    ]
    rows = [Sample(one, now - n * 15 * 10**9, 2.0 + n) for one in queues for n in range(1, 60)]
    assert committer().ingest(Batch(samples=rows)).accepted == len(rows)

    def look(page: Page) -> list[str]:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": server.url}])
        page.goto(f"{server.url}/admin/queues/")
        expect(page.locator("#panel-age .scatterlayer path.js-line")).to_have_count(
            2, timeout=30_000
        )
        assert page.locator("#panel-age [data-legend] button").all_inner_texts() == ["high", "low"]
        page.locator("[data-range] summary").click()
        page.get_by_role("link", name="Last 15 minutes").click()
        page.wait_for_url("**from=now-15m&to=now")
        expect(page.locator("[data-range-label]")).to_have_text("Last 15 minutes")
        expect(page.get_by_role("link", name="Queues")).to_be_visible()
        keep(page, "added-page")
        return broken_rules(page)

    assert browser_thread.run(look) == []


def test_it_refreshes_as_often_as_its_reader_asks_and_rests_while_hidden(
    server, browser_thread, cookie
):
    asked: list[str] = []
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""

    def look(page: Page) -> None:
        def passes(ms: int, loads: int) -> None:
            before = len(asked)
            for _ in range(loads):
                with page.expect_response("**/queues/data**"):
                    page.clock.run_for(ms // loads)
            if not loads:
                page.clock.run_for(ms)
            # Whatever a timer began has been sent once the page answers again.
            page.evaluate("1")
            assert len(asked) - before == loads

        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": server.url}])
        page.on("request", lambda sent: asked.append(sent.url) if "queues/data" in sent.url else 0)
        page.clock.install()
        with page.expect_response("**/queues/data**"):
            page.goto(f"{server.url}/admin/queues/?refresh=30s")
        assert page.locator("[data-refresh]").input_value() == "30s"
        passes(29_000, 0)
        passes(1_000, 1)
        passes(60_000, 2)
        page.locator("[data-refresh]").select_option("5s")
        assert "refresh=5s" in page.url
        passes(10_000, 2)
        page.evaluate(hide, True)
        passes(600_000, 0)
        page.evaluate(hide, False)
        passes(5_000, 1)
        page.locator("[data-refresh]").select_option("off")
        assert "refresh" not in page.url
        passes(600_000, 0)

    browser_thread.run(look)


def test_its_figures_are_for_staff_and_as_csv(server, account, cookie):
    request = urllib.request.Request(
        f"{server.url}/admin/queues/data?format=csv&panel=age",
        headers={"Cookie": f"sessionid={cookie}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read().decode().splitlines()[0] == "time,series,value,unit"
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(f"{server.url}/admin/queues/data", timeout=20)
    refused.value.close()


def test_the_address_is_not_there_before(staff_client: Client):
    assert (
        staff_client.get("/admin/queues/data", headers={"accept": "application/json"}).status_code
        == 404
    )
