"""The form of a channel in a real Chromium: the fields of the chosen kind, for everyone."""

import pytest
from playwright.sync_api import Page, expect

from tests.face.conftest import darken, keep
from tests.face.walking import NARROW, WIDE, broken_rules, too_wide

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ADD = "/admin/alerts/channel/add/"


def test_the_form_shows_the_fields_of_the_chosen_kind(visit):
    def look(page: Page) -> list[str]:
        page.set_viewport_size(WIDE)
        page.wait_for_load_state("load")
        token, region = page.locator("#id_slack_token"), page.locator("#id_pagerduty_region")
        page.locator("#id_kind").select_option("slack")
        expect(token).to_be_visible()
        expect(region).to_be_hidden()
        expect(token).to_have_attribute("type", "password")
        found = broken_rules(page)
        keep(page, "channel-slack-light")
        darken(page)
        keep(page, "channel-slack-dark")
        page.locator("#id_kind").select_option("pagerduty")
        expect(region).to_be_visible()
        expect(token).to_be_hidden()
        page.set_viewport_size(NARROW)
        keep(page, "channel-pagerduty-narrow")
        if wider := too_wide(page):
            found.append(f"{wider} px too wide")
        page.locator("#id_kind").select_option("webhook")
        expect(region).to_be_hidden()
        return found

    assert visit(ADD, look, color_scheme="light") == []


def test_without_script_every_kind_has_its_fields(visit):
    def look(page: Page) -> None:
        expect(page.locator("#id_slack_token")).to_be_visible()
        expect(page.locator("#id_pagerduty_region")).to_be_visible()
        # Nothing lies over them.
        page.locator("#id_slack_token").click()

    visit(ADD, look, java_script_enabled=False)
