"""The bottleneck pages in a real Chromium: full, empty, dark, narrow, by keyboard."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from playwright.sync_api import Page, expect

from apps.core.models import AuditEntry
from apps.monitoring.bottlenecks import walk
from apps.monitoring.models import Bottleneck
from tests.face.conftest import keep
from tests.face.walking import both_themes, broken_rules
from tests.monitoring.bottlenecks.conftest import send, store  # noqa: F401 (fixtures)
from tests.monitoring.bottlenecks.making import code, db, http, server
from tests.monitoring.bottlenecks.test_detectors import listing


@pytest.fixture
def found(send):  # noqa: F811
    """Bottlenecks of four causes, one with hostile names; gives the costliest."""
    hostile = "<script>document.title='owned'</script>\u202e"
    send(
        *[listing()] * 3,
        server("POST /bookings", 480, code(
            "transaction", 460, db("UPDATE shop_event SET a = %s", 4),
            http("http://bank/charge", 400), db("INSERT INTO shop_booking VALUES (%s)", 3))),
        server("GET /events/{id}", 830, http("http://stock/seats/17", 800)),
        server(f"GET /{hostile}", 900, db("SELECT * FROM a WHERE b = %s", 600)),
        *[server("POST /b", 10).failed("PaymentError") for _ in range(4)],
    )  # fmt: skip
    walk.walk()
    return Bottleneck.objects.order_by("-lost_us")[0]


@pytest.mark.browser
@pytest.mark.slow
def test_the_pages_are_whole_in_every_light_and_width(visit, found):
    one = Bottleneck.objects.get(kind="n_plus_1_db")
    count = Bottleneck.objects.count()

    def look(page: Page) -> list[str]:
        base = page.url.split("/admin/")[0]
        broken = []
        expect(page.locator(".bn-row")).to_have_count(count)
        broken += both_themes(page, "bottlenecks")
        page.emulate_media(color_scheme="light")
        page.goto(f"{base}/admin/bottlenecks/{one.fingerprint}/")
        expect(page.locator("[data-panel=lost]")).to_have_attribute("data-panel-state", "ready")
        broken += both_themes(page, "bottleneck")
        page.set_viewport_size({"width": 390, "height": 844})
        for path in ("", f"{one.fingerprint}/"):
            page.goto(f"{base}/admin/bottlenecks/{path}")
            keep(page, f"bottleneck{'s' if not path else ''}-narrow")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            broken += [f"{path} is {wide} px too wide"] if wide > 0 else []
        assert page.title() != "owned"
        page.goto(f"{base}/admin/bottlenecks/?cause=lock")
        expect(page.locator(".bn-row")).to_have_count(1)
        page.locator(".bn-title").click()
        expect(page.get_by_text("Rows of shop_event stayed locked.")).to_be_visible()
        page.get_by_label("Reason").fill("known")
        page.get_by_role("button", name="Ignore").click()
        expect(page.get_by_text("ignored", exact=True)).to_be_visible()
        page.goto(f"{base}/admin/bottlenecks/?cause=lock&from=now-7d")
        expect(page.get_by_text("No bottleneck found")).to_be_visible()
        broken += broken_rules(page)
        page.goto(f"{base}/admin/bottlenecks/?from=now-1m")
        expect(page.get_by_text("FAULTS=n_plus_1 make demo")).to_be_visible()
        return broken

    assert visit("/admin/bottlenecks/", look) == []
    assert AuditEntry.objects.get(action="bottleneck.ignore").after["reason"] == "known"


def test_who_may_not_look_is_kept_out_and_who_may_not_decide_cannot(found):
    address = f"/admin/bottlenecks/{found.fingerprint}/"
    person = User.objects.create_user("reader", is_staff=True)
    client = Client()
    client.force_login(person)
    assert client.get("/admin/bottlenecks/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_bottleneck"))
    assert client.get("/admin/bottlenecks/").status_code == 200
    page = client.get(address)
    assert b"may not look at traces" in page.content
    assert b"formaction" not in page.content
    assert client.post(f"{address}move/ignore/").status_code == 403
    assert client.get("/admin/bottlenecks/nothing/").status_code == 404
    assert client.get("/admin/bottlenecks/?kind=strange").status_code == 400


def test_a_page_costs_few_queries_however_many_there_are(
    found, staff_client, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12):
        assert staff_client.get("/admin/bottlenecks/").status_code == 200
