"""The Performance pages: ranked, live, one operation, and what it leads to."""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from apps.monitoring.models import Deployment
from apps.monitoring.store import rollups
from apps.monitoring.store.rows import Batch, Resource
from apps.monitoring.store.writer import Writer
from tests.face.conftest import keep
from tests.face.walking import both_themes, broken_rules
from tests.monitoring.store import make
from tests.monitoring.store.conftest import clear

# Of a deployment, long enough inside the last hour for a slow machine to look at it.
AGO = timedelta(minutes=45)
AHEAD = timedelta(minutes=30)
SHOP = Resource({"service.name": "red-shop", "service.version": "2"})
HOSTILE = "GET /<script>alert(1)</script>\u202e"
# Name, how many in 2.5 hours, milliseconds before and after the deployment, failing each nth.
TOLD = (
    ("GET /orders/{id}", 900, 80, 240, 0), ("POST /checkout", 300, 700, 720, 20),
    ("GET /", 1200, 12, 12, 0), (HOSTILE, 30, 5, 5, 0),
)  # fmt: skip


def spans(now):
    """From two hours ago until half an hour from now: there is always something right now."""
    chance = random.Random(7)
    length = timedelta(hours=2) + AHEAD
    for name, n, before_ms, after_ms, fails in TOLD:
        for i in range(n):
            at = now + AHEAD - length * (1 - i / n)
            ms = after_ms if at >= now - AGO else before_ms
            start = int(at.timestamp() * 1e9)
            failed = fails and i % fails == 0
            yield make.span(
                name, SHOP, start, end_ns=start + int(ms * 1e6 * chance.lognormvariate(0, 0.4)),
                attrs={"http.response.status_code": 500 if failed else 200},
                status=2 if failed else 0,
            )  # fmt: skip


@pytest.fixture
def traffic(transactional_db):
    clear()
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    writer = Writer()
    writer.write([Batch(spans=list(spans(now)))])
    writer.close()
    rollups.roll_up(budget_s=120)
    Deployment.objects.create(service="red-shop", version="2", at=now - AGO, source="observed")
    yield
    clear()


@pytest.mark.browser
@pytest.mark.slow
def test_a_slow_route_is_found_its_regression_told_and_its_trace_opened(visit, traffic):
    def look(page: Page) -> None:
        ranking = page.get_by_role("region", name="Operations")
        expect(ranking.get_by_role("row")).to_have_count(1 + len(TOLD))
        checkout = ranking.get_by_role("row").filter(has_text="POST /checkout")
        expect(checkout).to_contain_text("slow:")
        orders = ranking.get_by_role("row").filter(has_text="GET /orders/{id}")
        expect(orders).to_contain_text("regression")
        expect(ranking).to_contain_text("⟨U+202E⟩")
        live = page.locator("[data-now]")
        expect(live).to_contain_text("All operations", timeout=30_000)
        expect(page.locator("[data-as-of]")).to_contain_text("as of")
        expect(page.locator("#panel-durations .scatterlayer path").first).to_be_attached(
            timeout=30_000
        )
        expect(page.locator("#panel-durations .shapelayer path").first).to_be_attached()
        assert both_themes(page, "performance") == []
        page.set_viewport_size({"width": 390, "height": 844})
        # Charts follow their place.
        page.wait_for_function("document.documentElement.scrollWidth <= 390")
        keep(page, "performance-narrow")
        page.set_viewport_size({"width": 1400, "height": 1500})
        orders.get_by_role("link").click()
        page.wait_for_url("**/operation/**")
        trend = page.get_by_role("region", name="Against earlier")
        expect(trend.get_by_role("row").nth(1)).to_contain_text("slower")
        expect(page.get_by_text("a regression.")).to_be_visible()
        expect(page.locator("#panel-durations .points path").first).to_be_attached(timeout=30_000)
        assert broken_rules(page) == []
        keep(page, "operation")
        slowest = page.get_by_role("region", name="Failed and slowest traces")
        slowest.get_by_role("link").first.click()
        page.wait_for_url(re.compile(r"/admin/traces/[0-9a-f]{32}/"))
        expect(page.get_by_text("GET /orders/{id}").first).to_be_visible()

    path = "/admin/performance/?service=red-shop&from=now-1h&to=now"
    visit(path, look, viewport={"width": 1400, "height": 1500})


def test_an_empty_page_says_how_to_fill_it(staff_client, transactional_db):
    clear()
    answer = staff_client.get("/admin/performance/?service=nobody&order=nonsense&rank=x&kind=y")
    assert answer.status_code == 200
    assert b"opentelemetry-instrument" in answer.content
    answer = staff_client.get("/admin/performance/operation/?name=none")
    assert b"opentelemetry-instrument" in answer.content
    assert staff_client.get("/admin/performance/?from=nonsense").status_code in (200, 400)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "operation/"])
def test_who_may_not_read_spans_does_not_see_it(client, django_user_model, path):
    clerk = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(clerk)
    assert client.get(f"/admin/performance/{path}").status_code == 403
