"""The pages of the closed loop in a real Chromium: everyone can use them, without a script too."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from apps.core.proposals.models import Proposal
from apps.core.proposals.services import decide
from apps.core.proposals.services.propose import Evidence, Prediction
from tests.conftest import start_web
from tests.core.proposals.conftest import approved, counting, opened, person, work
from tests.face.conftest import browser_thread, cookie, visit  # noqa: F401
from tests.face.walking import troubles

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


def test_everyone_can_use_the_pages(visit, full):  # noqa: F811
    waiting, kept = full
    pages = {
        "proposals-list": LIST,
        "proposals-waiting": f"{LIST}{waiting.pk}/change/",
        "proposals-dialog": f"{LIST}{waiting.pk}/change/?",
        "proposals-kept": f"{LIST}{kept.pk}/change/",
    }

    def ready(page: Page, name: str) -> None:
        expect(page.locator("h1").first).to_be_visible()
        if name == "proposals-dialog":
            page.get_by_role("button", name="Approve…").click()
            dialog = page.get_by_role("dialog", name="Approve")
            expect(dialog.locator("code")).to_have_text(waiting.plan_hash)

    assert troubles(visit, pages, ready) == []


def test_everyone_can_use_the_page_without_proposals(visit, targets):  # noqa: F811
    def ready(page: Page, name: str) -> None:
        expect(page.locator("h1").first).to_be_visible()

    assert troubles(visit, {"proposals-empty": LIST}, ready) == []


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
