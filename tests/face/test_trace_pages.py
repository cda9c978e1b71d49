"""Comparison, critical paths, the service map and very large traces in a real Chromium."""

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from playwright.sync_api import Page, expect

from apps.core.models import AuditEntry
from apps.monitoring.services.pins import PinReason, pinned
from apps.monitoring.store import rollups
from tests.face.conftest import keep
from tests.face.evidence import BANK, checkout, span, store
from tests.face.walking import both_themes
from tests.monitoring.store.conftest import clear

NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1366, "height": 900}


def slower(trace: UUID) -> list:
    """The same order with a longer basket, a retry, and without the mail."""
    spans = [span("POST /checkout", 0, 700, trace=trace, id=1, attrs={"http.route": "/checkout"})]
    spans += [
        span("SELECT basket", 5 + n * 30, 25, trace=trace, id=10 + n, parent_id=1, kind=3,
             attrs={"db.system.name": "postgresql", "db.namespace": "shop"})
        for n in range(14)
    ]  # fmt: skip
    for n in range(2):
        at = 440 + n * 120
        spans += [
            span("charge", at, 110, trace=trace, id=40 + n, parent_id=1, kind=3, status=2),
            span("POST /charges", at + 5, 100, trace=trace, id=50 + n, parent_id=40 + n,
                 resource=BANK, status=2),
        ]  # fmt: skip
    return spans


@pytest.fixture
def two(portal_server, transactional_db) -> tuple[UUID, UUID]:
    """Two orders on the map."""
    clear()
    one, other = uuid4(), uuid4()
    store(*checkout(one), *slower(other))
    while not rollups.roll_up().finished:
        pass
    return one, other


def pages(two: tuple[UUID, UUID]) -> dict[str, str]:
    one, other = (key.hex for key in two)
    return {
        "compare": f"/admin/traces/compare/?a={one}&b={other}",
        "compare-empty": "/admin/traces/compare/",
        "waits": "/admin/critical-paths/?service=evidence-shop&name=POST+/checkout",
        "waits-empty": "/admin/critical-paths/?service=nobody",
        "map": "/admin/service-map/",
        "map-empty": "/admin/service-map/?from=now-60d&to=now-59d",
        "found": "/admin/traces/?of=spans&attr=db.system.name:postgresql&route=",
    }


@pytest.mark.browser
@pytest.mark.slow
def test_no_page_of_traces_breaks_a_rule_of_wcag_or_a_telephone(visit, two):
    def look(page: Page) -> list[str]:
        broken = []
        start = page.url.partition("/admin/")[0]
        for name, path in pages(two).items():
            page.emulate_media(color_scheme="light")
            page.goto(start + path)
            if name == "map":
                expect(page.locator("[data-map] a.ph-map-node").first).to_be_visible()
            broken += both_themes(page, f"traces-{name}")
            page.set_viewport_size(NARROW)
            if page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
                broken.append(f"{name} is wider than a telephone")
            keep(page, f"traces-{name}-narrow")
            page.set_viewport_size(WIDE)
        return broken

    assert visit(pages(two)["compare"], look, viewport=WIDE) == []


@pytest.mark.browser
@pytest.mark.slow
def test_from_a_trace_one_gets_to_what_differs_and_what_its_route_waits_for(visit, two):
    one, other = two

    def look(page: Page) -> None:
        page.get_by_role("link", name="Compare with a typical one").click()
        expect(page.get_by_role("listitem").filter(has_text="SELECT basket").first).to_contain_text(
            "8 → 14"
        )
        basket = page.locator("tr", has=page.get_by_role("rowheader", name="SELECT basket"))
        expect(basket).to_have_attribute("data-verdict", "slower")
        mail = page.locator("tr", has=page.get_by_role("rowheader", name="send mail"))
        expect(mail).to_contain_text("removed")
        page.go_back()
        page.get_by_role("link", name="What its route waits for").click()
        row = page.locator("tr", has=page.get_by_role("rowheader", name="SELECT basket"))
        expect(row).to_contain_text("2")
        row.get_by_role("link").last.click()
        expect(page.locator(".ph > .ph-lead").first).to_contain_text(other.hex)

    visit(f"/admin/traces/{one.hex}/", look)


@pytest.mark.browser
@pytest.mark.slow
def test_the_map_is_walked_with_the_keyboard_and_leads_to_traces(visit, two):
    def look(page: Page) -> None:
        expect(page.locator("[data-map] a.ph-map-node").first).to_be_visible()
        names = page.locator("[data-map] a").evaluate_all(
            "all => all.map((one) => one.getAttribute('aria-label'))"
        )
        assert any(
            name.startswith("evidence-shop calls evidence-bank: 3 times") for name in names
        ), names
        assert any(name.startswith("postgresql shop: 14 calls") for name in names), names
        bank = page.locator("[data-map] a.ph-map-node", has_text="evidence-bank")
        bank.focus()
        expect(page.locator("[data-readout]")).to_contain_text("evidence-bank: 3 calls, 3 failed")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/traces/?**service=evidence-bank**")
        expect(page.locator("tbody")).to_contain_text("POST /charges")

    visit("/admin/service-map/", look)


@pytest.mark.browser
@pytest.mark.slow
def test_the_critical_path_is_drawn_and_the_rest_can_be_put_away(visit, two):
    one, _ = two

    def look(page: Page) -> None:
        lines = page.locator("[data-panel=waterfall] .ph-line")
        before = lines.count()
        charge = lines.filter(has_text="risk score")
        expect(charge.locator(".ph-critical")).to_have_count(1)
        page.get_by_label("critical path only").check()
        expect(lines.filter(has_text="stray")).to_have_count(0)
        assert lines.count() < before
        page.get_by_label("critical path only").uncheck()
        page.get_by_label("Find").fill("ledger")
        page.get_by_label("Find").press("Enter")
        expect(page.locator("[data-found]")).to_have_text("1 of 1")
        expect(page.locator(".ph-active")).to_contain_text("INSERT ledger")
        page.get_by_role("treegrid").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".ph-active .ph-detail")).to_contain_text("0000000000000020")

    visit(f"/admin/traces/{one.hex}/?span=0000000000000020", look)


@pytest.mark.browser
@pytest.mark.slow
def test_a_trace_of_forty_thousand_spans_opens_scrolls_and_is_searched(visit, two):
    big = uuid4()
    store(
        span("batch", 0, 41_000, trace=big, id=1),
        *[
            span(f"step {n}", n, 500 if n % 10 == 0 else 0.4, trace=big, id=n + 2,
                 parent_id=1 if n % 10 == 0 else n - n % 10 + 2)
            for n in range(40_000)
        ],
    )  # fmt: skip

    def look(page: Page) -> dict[str, float]:
        grid = page.get_by_role("treegrid")
        expect(grid).to_have_attribute("aria-rowcount", "40002", timeout=60_000)
        keep(page, "trace-forty-thousand")
        seen = page.evaluate("""async () => {
          const scroller = document.querySelector("[data-panel=waterfall] [data-scroller]");
          let most = 0;
          for (let i = 0; i <= 20; i++) {
            scroller.scrollTop = (scroller.scrollHeight * i) / 20;
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            most = Math.max(most, document.querySelectorAll(".ph-line").length);
          }
          return { most };
        }""")
        page.get_by_label("Find").fill("step 31337")
        page.get_by_label("Find").press("Enter")
        expect(page.locator(".ph-active")).to_contain_text("step 31337")
        page.get_by_label("critical path only").check()
        page.locator(".ph-tabs").get_by_role("link", name="Flame graph").click()
        expect(page.locator("[data-panel=flame] g[role=button]").first).to_be_visible()
        seen["frames"] = page.locator("[data-panel=flame] g[role=button]").count()
        return seen

    seen = visit(f"/admin/traces/{big.hex}/", look)
    assert seen["most"] <= 100
    assert 0 < seen["frames"] <= 3000


def test_a_trace_is_pinned_by_who_may_and_let_go_again(two, staff_client):
    one, _ = two
    address = f"/admin/traces/{one.hex}/pin/"
    assert staff_client.post(address).status_code == 302
    assert PinReason.HAND in pinned(one)
    assert "Pinned" in staff_client.get(f"/admin/traces/{one.hex}/").content.decode()
    assert staff_client.post(address, {"undo": "1"}).status_code == 302
    assert pinned(one) == {}
    assert list(AuditEntry.objects.filter(target=one.hex).values_list("action", flat=True)) == [
        "trace.unpin", "trace.pin",
    ]  # fmt: skip
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_span"))
    other = Client()
    other.force_login(reader)
    assert other.post(address).status_code == 403
    assert "Pin this trace" not in other.get(f"/admin/traces/{one.hex}/").content.decode()
    assert staff_client.get(address).status_code == 405
