"""The face in a real Chromium: it logs in, moves, tells the truth, and everyone can use it."""

import json
import re
import time
from datetime import UTC, datetime
from uuid import uuid4

import psutil
import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.conftest import STAFF_PASSWORD
from tests.face.conftest import keep
from tests.face.walking import troubles
from tests.monitoring.store.conftest import clear

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Those whose own tests look at them with something to show are not here.
OURS = {
    "overview": "/admin/",
    "retention": "/admin/retention/",
    "intake": "/admin/intake/",
    "bottlenecks-none": "/admin/bottlenecks/",
    "operation-none": "/admin/performance/operation/?name=nobody",
}
LISTS = {
    "rules": "/admin/alerts/rule/",
    "keys": "/admin/core/apikey/",
    "scrape-targets": "/admin/monitoring/scrapetarget/",
    "browser-keys": "/admin/monitoring/browserkey/",
    "cloud-accounts": "/admin/monitoring/cloudaccount/",
    "deployments": "/admin/monitoring/deployment/",
}
LISTS_OF_KEEPING = {
    "destinations": "/admin/monitoring/destination/",
    "sampling-policies": "/admin/monitoring/samplingpolicy/",
    "legal-holds": "/admin/monitoring/legalhold/",
}
FORMS = {
    "scrape-target": "/admin/monitoring/scrapetarget/add/",
    "browser-key": "/admin/monitoring/browserkey/add/",
    "cloud-account": "/admin/monitoring/cloudaccount/add/",
    "deployment": "/admin/monitoring/deployment/add/",
}
FORMS_OF_KEEPING = {
    "destination": "/admin/monitoring/destination/add/",
    "sampling-policy": "/admin/monitoring/samplingpolicy/add/",
    "legal-hold": "/admin/monitoring/legalhold/add/",
}
# A visit has its time: no more than a handful each.
PAGES = {
    "ours": OURS, "lists": LISTS, "lists of keeping": LISTS_OF_KEEPING, "forms": FORMS,
    "forms of keeping": FORMS_OF_KEEPING,
}  # fmt: skip


def live(page: Page) -> None:
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=30_000)


def as_of(page: Page) -> str:
    return page.locator("[data-as-of]").inner_text()


def test_a_newcomer_logs_in_and_sees_figures_move(portal_server, browser_thread, account):
    def look(page: Page) -> tuple[str, str]:
        page.goto(portal_server.url + "/")
        page.fill("[name=username]", account.username)
        page.fill("[name=password]", STAFF_PASSWORD)
        page.click("button[type=submit]")
        live(page)
        requests = page.locator("[data-tile=requests] [data-value]")
        before, then = requests.inner_text(), as_of(page)
        for _ in range(20):
            page.context.request.get(portal_server.url + "/admin/login/")
        expect(requests).not_to_have_text(before, timeout=30_000)
        expect(page.locator("[data-as-of]")).not_to_have_text(then)
        # The chart itself has a drawn line, not only a frame.
        expect(page.locator("#panel-requests .scatterlayer path").first).to_be_attached(
            timeout=30_000
        )
        label = page.locator("#panel-requests [data-plot]").get_attribute("aria-label")
        keep(page, "overview-light")
        return requests.inner_text(), label or ""

    figure, label = browser_thread.run(look, viewport={"width": 1400, "height": 1000})
    assert re.search(r"\d", figure)
    assert re.search(r"Requests: .*\d", label)


def settled(page: Page, name: str) -> None:
    page.wait_for_load_state("load")
    if name == "overview":
        live(page)


@pytest.mark.parametrize("group", PAGES)
def test_no_page_breaks_a_rule_of_wcag_or_a_telephone(visit, group):
    assert troubles(visit, PAGES[group], settled) == []


def test_the_theme_follows_the_system_and_the_charts_follow_the_theme(visit):
    def look(page: Page) -> list[str]:
        live(page)
        for _ in range(3):
            page.context.request.get(page.url)
        text = page.locator("#panel-sql_time .xtick text, #panel-requests .xtick text").first
        expect(text).to_be_attached(timeout=30_000)
        colour = "element => getComputedStyle(element).fill"
        light = text.evaluate(colour)
        page.emulate_media(color_scheme="dark")
        page.evaluate("localStorage.setItem('_x_adminTheme', '\"dark\"')")
        page.reload()
        live(page)
        expect(text).to_be_attached(timeout=30_000)
        return [light, text.evaluate(colour)]

    light, dark = visit("/admin/", look)
    assert light != dark


def test_no_data_is_said_and_never_drawn_as_zero(visit):
    clear()

    def look(page: Page) -> tuple[str, bool, str]:
        live(page)
        panel = page.locator("#panel-memory")
        expect(panel.locator(".ph-when-empty")).to_be_visible()
        return (
            page.locator("[data-tile=memory] [data-value]").inner_text(),
            panel.locator("[data-plot]").is_visible(),
            panel.locator("code").inner_text(),
        )

    assert visit("/admin/", look) == ("no data", False, "make run")


def test_figures_only_an_agent_knows_are_not_missed_in_a_foreign_service(visit):
    resource = Resource({"service.name": "foreign"})
    metric = Metric("http.server.active_requests", "1", Kind.GAUGE)
    sample = Sample(Series(metric, resource, {}), time.time_ns(), 1.0)
    committer().ingest(Batch(samples=[sample]))

    def look(page: Page) -> None:
        live(page)
        expect(page.locator("#panel-requests .ph-when-empty")).to_be_visible()
        expect(page.locator("#panel-memory")).to_be_hidden()
        expect(page.locator("[data-tile=memory]")).to_be_hidden()

    visit("/admin/?service=foreign", look)


def test_every_chart_has_its_data_as_a_table(visit):
    def look(page: Page) -> list[str]:
        live(page)
        page.context.request.get(page.url)
        details = page.locator("#panel-requests [data-table]")
        expect(details).to_be_visible(timeout=30_000)
        details.locator("summary").click()
        expect(details.locator("tr").nth(1)).to_be_visible()
        return details.locator("th").all_inner_texts()

    assert visit("/admin/", look) == ["Time", "all"]


def test_range_and_service_live_in_the_address(visit):
    def look(page: Page) -> str:
        page.locator("[data-range] summary").click()
        page.get_by_role("link", name="Last hour").click()
        page.wait_for_url("**from=now-1h&to=now")
        live(page)
        return page.url

    assert "service=pharos" in visit("/admin/?service=pharos&range=6h", look)


def test_a_silent_server_is_called_stale_and_the_figures_stay(visit, portal_server):
    def look(page: Page) -> tuple[str, str]:
        live(page)
        figure = page.locator("[data-tile=sql_time] [data-value]")
        expect(figure).not_to_have_text("…")
        # Granian's parent process only watches: its workers serve.
        parent = psutil.Process(portal_server.process.pid)
        family = [parent, *parent.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            expect(page.locator("[data-live]")).to_have_attribute(
                "data-state", "stale", timeout=30_000
            )
            said, kept = page.locator("[data-live-text]").inner_text(), figure.inner_text()
            keep(page, "overview-stale")
        finally:
            for process in reversed(family):
                process.resume()
        live(page)
        return said, kept

    said, kept = visit("/admin/", look)
    assert said.startswith("Stale: nothing new for")
    assert kept != "…"


def test_signing_out_elsewhere_is_told_with_the_way_back(visit, session):
    def look(page: Page) -> str:
        live(page)
        return page.url

    visit("/admin/", look)

    def revoked(page: Page) -> str | None:
        live(page)
        page.context.request.get(page.url.replace("/admin/", "/health"))
        page.context.clear_cookies()
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        link = page.locator("[data-banners] a")
        expect(link).to_be_visible(timeout=30_000)
        return link.get_attribute("href")

    # A strip that was just being asked for hears of it first.
    link = visit("/admin/", revoked, expected_errors="401")
    assert (link or "").startswith("/admin/login/?next=/admin/")


def test_trouble_is_told_in_plain_sight_and_the_last_values_stay(visit, portal_server):
    def look(page: Page) -> tuple[list[str], str, list[str]]:
        data = page.context.request.get(
            portal_server.url + "/admin/overview/data?service=pharos&from=now-15m"
        ).json()["state"]
        data["panels"] = {}
        data["tiles"]["memory"] = 42
        data["components"] = [
            {"key": "redis", "name": "Redis", "status": "down", "since": None, "age_s": 3,
             "detail": "Connection refused."},
        ]  # fmt: skip
        data["alerts"] = [
            {"id": str(uuid4()), "rule": "<b>hot</b>", "metric": "system.cpu.utilization",
             "unit": "1", "labels": {"host.name": "a"}, "severity": "critical", "state": "firing",
             "value": 0.97, "threshold": 0.9, "direction": "above", "since": data["end"],
             "stale_since": None},
        ]  # fmt: skip
        common = {"topic": "overview:10:pharos", "at": datetime.now(UTC).isoformat(),
                  "interval_s": 2}  # fmt: skip

        def serve(socket: WebSocketRoute) -> None:
            def answer(_: object) -> None:
                socket.send(json.dumps({**common, "state": "ok", "data": data}).encode())
                lost = {"state": "error", "code": "database", "data": data, "data_age_s": 1}
                socket.send(json.dumps({**common, **lost}).encode())

            socket.on_message(answer)

        page.route_web_socket("**/ws/live", serve)
        page.reload()
        banners = page.locator("[data-banners] .ph-banner")
        expect(banners.nth(1)).to_be_visible(timeout=30_000)
        keep(page, "overview-trouble")
        return (
            banners.all_inner_texts(),
            page.locator("[data-tile=memory] [data-value]").inner_text(),
            page.locator(".ph-alert").first.inner_text().split("\n"),
        )

    banners, kept, alert = visit("/admin/", look)
    assert banners[0].startswith("PostgreSQL does not answer. These are the last figures,")
    assert banners[1] == "Redis is down: Connection refused."
    assert kept == "42"
    assert "<b>hot</b>" in " ".join(alert)
    assert "97 % above 90 %" in " ".join(alert)


def test_names_from_outside_are_text_in_the_charts_too(visit):
    now = time.time_ns()
    sender = Resource({"service.name": "odd-shop"})
    age = Metric("celery.queue.age", "s", Kind.GAUGE)
    names = ["<a href='https://elsewhere.example'>&amp; press here</a>", "plain"]
    series = [Series(age, sender, {"celery.queue.name": name}) for name in names]
    rows = [Sample(one, now - second * 10**9, 3.0) for one in series for second in range(20)]
    assert committer().ingest(Batch(samples=rows)).accepted == len(rows)

    def look(page: Page) -> tuple[list[str], int]:
        panel = page.locator("[data-panel=queue_age]")
        panel.scroll_into_view_if_needed()
        names = panel.locator("[data-legend] button")
        expect(names.first).to_be_visible(timeout=30_000)
        expect(panel.locator(".scatterlayer path").first).to_be_attached(timeout=30_000)
        box = panel.locator(".nsewdrag").first.bounding_box()
        assert box is not None
        # The newest points are at the right end.
        for share in (0.9, 0.97, 0.98, 0.99):
            page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        expect(panel.locator(".hoverlayer text").first).to_be_attached(timeout=30_000)
        return names.all_text_contents(), panel.locator("[data-plot] a").count()

    assert visit("/admin/?service=odd-shop", look) == (sorted(names), 0)


def test_the_page_rests_while_its_tab_is_hidden(visit):
    def look(page: Page) -> str | None:
        live(page)
        page.evaluate("""() => {
            Object.defineProperty(document, 'hidden', {value: true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""")
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "paused")
        page.evaluate("""() => {
            Object.defineProperty(document, 'hidden', {value: false, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""")
        live(page)
        return page.locator("[data-live]").get_attribute("data-state")

    assert visit("/admin/", look) == "live"


def test_a_figure_leads_to_its_trace(visit):
    def look(page: Page) -> str:
        page.context.request.get(page.url)
        page.wait_for_timeout(0)
        link = page.locator("td a").first
        for _ in range(30):
            if link.count():
                break
            page.reload()
        link.click()
        expect(page.locator("svg.ph-bars").first).to_be_visible()
        keep(page, "trace")
        return page.locator("h1").inner_text()

    assert "Trace" in visit("/admin/traces/", look)
