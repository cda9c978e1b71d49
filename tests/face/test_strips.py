"""The strips of the Overview's components, from the real endpoint, in a real Chromium."""

import json
import re
import time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from apps.monitoring.collectors.httpcheck import ERROR, STATUS
from apps.monitoring.intake.commit import committer
from apps.monitoring.models import Probe
from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import Batch, Sample, Series
from tests.face.test_browser import live
from tests.face.walking import both_themes

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAME = 'shop: "front"/door <b>1</b>'
HOUR = "/admin/?from=now-1h&to=now"


@pytest.fixture
def probe(transactional_db) -> None:
    """A probe that fared well, badly and unknown; of most of the hour nothing is known."""
    Probe.objects.create(name=NAME, url="http://shop.example/")
    now = time.time_ns()

    def sample(metric, minutes_ago, value):
        attrs = {"httpcheck.name": NAME, "http.request.method": "GET"}
        return Sample(Series(metric, own_resource(), attrs), now - int(minutes_ago * 60e9), value)

    rows = [sample(STATUS, ago, 1.0) for ago in (50.0, 45.0, 10.0)]
    rows += [sample(STATUS, 30.0, 0.0), sample(ERROR, 20, 1.0)]
    assert committer().submit(Batch(samples=rows)).result(20).accepted == len(rows)


def pill(page: Page) -> Locator:
    return page.locator("[data-component^='probe:']")


def states(page: Page) -> list[str]:
    expect(pill(page).locator("svg")).to_be_visible(timeout=30_000)
    return pill(page).locator("g").evaluate_all("all => all.map((slot) => slot.dataset.state)")


def test_each_slot_tells_its_state_and_what_is_not_known_is_not_good(visit, probe):
    def look(page: Page) -> tuple[list[str], list[str]]:
        live(page)
        found = states(page)
        strip = pill(page).get_by_role("slider")
        expect(strip).to_have_attribute("aria-label", f"History of {NAME}")
        # One line for all strips; it speaks once somebody points at a slot.
        line = page.locator("[data-slot-text]")
        assert line.inner_text() == ""
        strip.focus()
        page.keyboard.press("Home")
        said = strip.get_attribute("aria-valuetext") or ""
        expect(line).to_have_text(f"{NAME} · {said}")
        page.keyboard.press("ArrowRight")
        expect(line).not_to_have_text(f"{NAME} · {said}")
        # Of what no history is kept of, nothing is said.
        expect(page.locator("[data-component=web] .ph-tracker")).to_have_count(0)
        return found, both_themes(page, "strips")

    found, broken = visit(HOUR, look)
    assert 20 <= len(found) <= 25
    assert set(found) == {"ok", "down", "unknown", "none"}
    assert found.count("none") > found.count("ok")
    assert broken == []


def test_strips_follow_the_range_and_keep_the_hand_on_the_slot(visit, probe):
    asked: list[str] = []

    def look(page: Page) -> None:
        live(page)
        assert "down" in states(page)
        page.on("request", lambda sent: asked.append(sent.url) if "/history" in sent.url else None)
        strip = pill(page).get_by_role("slider")
        strip.focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        with page.expect_response(re.compile("probe.*/history")):
            page.evaluate("dispatchEvent(new CustomEvent('ph:refresh'))")
        # Drawn anew below the hand of its reader.
        expect(strip).to_be_focused()
        with page.expect_response(re.compile("probe.*/history.*now-5m")):
            page.locator("[data-range] summary").click()
            page.get_by_role("link", name="Last 5 minutes").click()
        expect(pill(page).locator("[data-state=down]")).to_have_count(0)
        assert not any("/web/" in url or "/service" in url for url in asked)
        assert all("slots=5" in url for url in asked if "now-5m" in url)

    visit(HOUR, look)


def test_a_history_that_fails_says_so_in_its_place_and_nothing_moves(visit, probe):
    shifts = """() => new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; }))
            .observe({type: 'layout-shift', buffered: true});
        setTimeout(() => resolve(sum), 300);
    })"""  # noqa: E501
    body = {"error": "not_found", "message": "Gone <b>away</b>.", "details": {}, "request_id": "r"}

    def look(page: Page) -> float:
        page.route(
            re.compile(r"probe.*/history"),
            lambda route: route.fulfill(
                status=404, body=json.dumps(body), content_type="application/json"
            ),
        )
        page.reload()
        live(page)
        expect(pill(page).locator(".ph-tracker")).to_have_text(
            "It could not be loaded: Gone <b>away</b>.", timeout=30_000
        )
        assert pill(page).locator(".ph-tracker").bounding_box()["height"] == 24
        return page.evaluate(shifts)

    assert visit(HOUR, look, expected_errors="404") < 0.1


def test_who_may_not_see_the_history_is_not_offered_one(
    probe, portal_server, browser_thread, settings
):
    person = User.objects.create_user("guest", is_staff=True)
    client = Client()
    client.force_login(person)
    asked: list[str] = []

    def look(page: Page) -> None:
        name, value = settings.SESSION_COOKIE_NAME, client.cookies["sessionid"].value
        page.context.add_cookies([{"name": name, "value": value, "url": portal_server.url}])
        page.on("request", lambda sent: asked.append(sent.url))
        page.goto(portal_server.url + HOUR)
        live(page)
        expect(pill(page)).to_be_visible()
        assert page.locator(".ph-tracker").count() == 0

    browser_thread.run(look)
    assert [url for url in asked if "/history" in url] == []
