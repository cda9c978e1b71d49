"""The pages of the closed loop in a real Chromium: everyone can use them, without a script too."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from apps.core.proposals.models import Proposal
from apps.core.proposals.services import decide
from apps.core.proposals.services.propose import Evidence, Prediction
from tests.conftest import start_web
from tests.core.proposals.conftest import approved, counting, opened, person, work
from tests.face.conftest import browser_thread, cookie, keep, visit  # noqa: F401
from tests.face.walking import WAIVED

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True),
]  # fmt: skip
LIST = "/admin/core/proposal/"


@pytest.fixture(scope="module")
def portal_server(portal_process):
    """A web server that knows the test kinds."""
    return start_web(portal_process, DJANGO_SETTINGS_MODULE="tests.core.proposals.settings")


@pytest.fixture
def account(transactional_db) -> User:
    return User.objects.create_superuser("face", "face@example.com", "correct horse battery")


@pytest.fixture
def full(targets) -> tuple[Proposal, Proposal]:
    """One proposal that waits for a second person, one that was kept, and their like."""
    evidence = [
        Evidence("Requests that wait longer than 1 s", 0.21, "1", "/admin/traces/"),
        Evidence("Lag of the replica", None), Evidence("Worst endpoint", "/checkout/<id>"),
    ]  # fmt: skip
    promised = Prediction("counter.total", "{item}", "increase", 3.0, 2.0, 5.0, relative=False)
    kept = approved(counting("one", evidence=evidence, predicted=promised), person("ann"))
    work()
    waiting = approved(
        counting("two", 7, "high", evidence=evidence, predicted=promised), person("bob"),
        author="capacity",
    )  # fmt: skip
    opened(counting("one", by=3, risk="low"))
    decide.reject(opened(counting("one", by=4)).pk, User.objects.get(username="ann"), "No.")
    return waiting, kept


def faults(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    return [
        f"{broken['id']}: {broken['nodes'][0]['html'][:200]}"
        for broken in found.response["violations"] if broken["id"] not in WAIVED
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["list", "waiting", "dialog", "kept", "empty"])
def test_everyone_can_use_the_pages(visit, targets, request, which, scheme):  # noqa: F811
    path = LIST
    if which != "empty":
        waiting, kept = request.getfixturevalue("full")
        one = {"waiting": waiting, "dialog": waiting, "kept": kept}.get(which)
        path = LIST if one is None else f"{LIST}{one.pk}/change/"

    def look(page: Page) -> list[str]:
        expect(page.locator("h1").first).to_be_visible()
        if which == "dialog":
            page.get_by_role("button", name="Approve…").click()
            dialog = page.get_by_role("dialog", name="Approve")
            expect(dialog.locator("code")).to_have_text(waiting.plan_hash)
        keep(page, f"proposals-{which}-{scheme}")
        return faults(page)

    assert visit(path, look, color_scheme=scheme) == []


@pytest.mark.parametrize("which", [0, 1, None])
def test_no_page_scrolls_sideways_on_a_phone(visit, full, which):  # noqa: F811
    path = LIST if which is None else f"{LIST}{full[which].pk}/change/"

    def look(page: Page) -> int:
        keep(page, f"proposals-{which}-narrow")
        return page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    assert visit(path, look, viewport={"width": 390, "height": 844}) <= 0


def test_a_person_approves_without_a_script(visit, full):  # noqa: F811
    waiting, _kept = full

    def look(page: Page) -> str:
        page.get_by_role("button", name="Approve…").click()
        dialog = page.get_by_role("dialog", name="Approve")
        dialog.get_by_role("textbox").fill("Seen and agreed.")
        dialog.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator(".lp-tag[data-state]")).to_have_text("Approved")
        return page.locator("body").inner_text()

    text = visit(f"{LIST}{waiting.pk}/change/", look, java_script_enabled=False)
    assert "Seen and agreed." in text
    waiting.refresh_from_db()
    assert waiting.state == "approved"
