"""The pages of metrics in a real Chromium: explorer, cost and objectives, for everyone."""

import csv
import io
import os
import re
import time
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from apps.alerts.models import Rule
from apps.core.models import SavedView
from apps.monitoring.intake.commit import committer
from apps.monitoring.models import DropRule, Objective
from apps.monitoring.services import costs
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series, Temporality
from tests.face.conftest import keep
from tests.face.evidence import SHOP
from tests.face.walking import broken_rules
from tests.monitoring.store import make
from tests.monitoring.store.conftest import clear

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TIMES = Metric("shop.checkout.duration", "s", Kind.HISTOGRAM, Temporality.DELTA)
ODD = '<img src=x onerror="alert(1)">&amp;'
EXPLORER = "/admin/metrics/?name=shop.checkout.duration&by=http.route&from=now-15m"


@pytest.fixture
def filled(transactional_db):
    """Thirteen routes, each a minute's histogram with an exemplar whose trace is there."""
    clear()
    now = time.time_ns() - 20 * 10**9
    batch = Batch()
    for n in range(13):
        route = ODD if n == 12 else f"/route/{n}"
        series = Series(TIMES, SHOP, {"http.route": route})
        for minute in range(5):
            at = now - minute * 60 * 10**9
            span = make.span(resource=SHOP, start_ns=at, trace_id=os.urandom(16))
            batch.spans.append(span)
            value = 0.1 * (n + 1)
            batch.histograms.append(
                make.histogram(series, [value, value / 2], at)._replace(
                    exemplars=[{"time_ns": at, "value": value, "trace_id": span.trace_id.hex(),
                                "span_id": span.span_id.hex(), "attrs": {}}]
                )
            )  # fmt: skip
    cpu = Metric("system.cpu.utilization", "1", Kind.GAUGE)
    host = Resource({"service.name": "shop", "host.name": "a"})
    batch.samples += [
        Sample(Series(cpu, host, {}), now - n * 60 * 10**9, 0.3 + 0.02 * n) for n in range(50)
    ]
    assert committer().ingest(batch).rejected == 0
    Objective.objects.get_or_create(
        name="CPU", metric="system.cpu.utilization", by=["host.name"], goal=0.6, window_s=60
    )
    Objective.objects.get_or_create(name="Nobody", metric="nobody.sends", goal=1, unit="s")
    costs.measure()


def test_a_metric_is_found_drawn_narrowed_and_shared(visit, filled):
    def look(page: Page) -> dict[str, object]:
        expect(page.locator(".scatterlayer path.js-line").first).to_be_attached(timeout=30_000)
        rows = page.locator("[data-rows] tbody tr")
        expect(rows).to_have_count(11)
        keep(page, "metrics-explorer")
        seen = {
            "first": rows.nth(0).inner_text(),
            "others": rows.nth(10).inner_text(),
            "broken": broken_rules(page),
            "exemplars": page.locator("[data-exemplars] li").count(),
            "csv": page.context.request.get(
                page.url.split("/admin")[0] + page.locator("[data-csv]").get_attribute("href")
            ).text(),
        }
        # A click narrows to one line, and the address says so.
        rows.nth(0).get_by_role("link").click()
        expect(page.locator("[data-rows] tbody tr")).to_have_count(1)
        seen["narrowed"] = page.url
        seen["chosen"] = page.locator(".ph-chosen code").inner_text()
        # The field suggests labels, and once one is written its values.
        field = page.locator("input[list=conditions]")
        field.fill("http.route=")
        expect(page.locator("#conditions option[value='http.route=/route/3']")).to_be_attached()
        field.fill("http.route=~/route/[12]")
        page.locator(".ph-chosen a").click()
        page.locator("input[list=conditions]").fill("http.route=~/route/[12]")
        page.locator("#question button").click()
        expect(page.locator("[data-rows] tbody tr")).to_have_count(2)
        seen["clean"] = "step=" not in page.url
        exemplar = page.locator("[data-exemplars] a").first
        exemplar.click()
        expect(page.locator("h1, title").first).to_be_attached()
        seen["trace"] = page.url
        return seen

    seen = visit(EXPLORER, look, viewport={"width": 1400, "height": 1000})
    assert ODD in seen["first"]
    assert "1.3 s" in seen["first"]
    assert "(3)" in seen["others"]
    assert seen["broken"] == []
    assert seen["exemplars"] > 3
    table = list(csv.reader(io.StringIO(seen["csv"])))
    assert table[0] == ["time", "series", "value", "unit"]
    assert {row[3] for row in table[1:]} == {"s"}
    assert seen["chosen"] == f"http.route={ODD}"
    assert quote(ODD, safe="*") in seen["narrowed"].replace("+", "%20")
    assert seen["clean"]
    assert re.search(r"/admin/traces/[0-9a-f]{32}/", seen["trace"])


def test_every_page_is_for_everyone_dark_narrow_and_empty(visit, filled):
    pages = {
        "explorer": EXPLORER,
        "list": "/admin/metrics/",
        "mistaken": "/admin/metrics/?name=shop.checkout.duration&where=nonsense",
        "unknown": "/admin/metrics/?name=nobody",
        "cost": "/admin/metrics/cost/",
        "labels": "/admin/metrics/cost/?name=shop.checkout.duration",
        "unused": "/admin/metrics/cost/?unused=1",
        "objectives": "/admin/objectives/?from=now-1h",
    }

    def look(page: Page) -> dict[str, object]:
        troubles = {}
        for name, path in pages.items():
            page.goto(page.url.split("/admin")[0] + path)
            page.wait_for_load_state("load")
            if name == "explorer":
                expect(page.locator("[data-rows] tbody tr")).to_have_count(11)
            keep(page, f"metrics-{name}-narrow-dark")
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if (found := broken_rules(page)) or wider > 0:
                troubles[name] = (found, wider)
        return troubles

    narrow = {"width": 390, "height": 844}
    # A wrong condition and an unknown metric are 400 and 404.
    expected = "400|404"
    assert visit(EXPLORER, look, viewport=narrow, color_scheme="dark",
                 expected_errors=expected) == {}  # fmt: skip


def test_a_metric_is_dropped_and_taken_in_again_with_one_click(staff_client, filled):
    page = staff_client.get("/admin/metrics/cost/").content.decode()
    assert "shop.checkout.duration" in page
    wish = {"name": "shop.checkout.duration", "verb": "drop", "search": ""}
    answer = staff_client.post("/admin/metrics/cost/change", wish, follow=True)
    assert answer.status_code == 200
    assert [rule.created_by for rule in DropRule.objects.all()] == ["staff"]
    wish["verb"] = "take_in"
    staff_client.post("/admin/metrics/cost/change", wish)
    assert not DropRule.objects.exists()
    wish["verb"] = "burn"
    assert staff_client.post("/admin/metrics/cost/change", wish).status_code == 403


def test_rules_and_shared_views_are_readers(staff, staff_client, filled):
    Rule.objects.create(name="Slow", metric="shop.checkout.duration", critical=1.0)
    query = "name=shop.checkout.duration&agg=p99"
    SavedView.objects.create(
        owner=staff, page="/admin/metrics/", name="Ours", query=query, shared=True
    )
    page = staff_client.get("/admin/metrics/cost/?name=shop.checkout.duration").content.decode()
    assert ">Slow</a>" in page
    assert ">Ours</a>" in page
    form = staff_client.get(
        "/admin/metrics/",
        {"name": "shop.checkout.duration", "where": "http.route=/route/1", "agg": "p95"},
    ).content.decode()
    link = re.search(r'href="(/admin/alerts/rule/add/\?[^"]+)"', form)
    assert link is not None
    rule = staff_client.get(link[1].replace("&amp;", "&")).content.decode()
    assert "&quot;http.route&quot;: &quot;/route/1&quot;" in rule


def test_objectives_show_what_is_met_missed_and_unknown(staff_client, filled):
    page = staff_client.get("/admin/objectives/?from=now-1h").content.decode()
    assert 'data-verdict="missed"' in page
    assert "Nobody has sent nobody.sends in this range." in page
    assert "below 60 %" in page
    assert re.search(r'<path d="M', page)


def test_a_question_over_many_metrics_costs_few_queries(
    staff_client, filled, django_assert_max_num_queries
):
    for path in (EXPLORER, "/admin/metrics/cost/", "/admin/objectives/"):
        staff_client.get(path)
        with django_assert_max_num_queries(16):
            assert staff_client.get(path).status_code == 200
