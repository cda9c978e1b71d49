"""The editor of a rule in a real Chromium: the preview follows the form, fields follow the kind."""

import time

import pytest
from playwright.sync_api import Page, expect

from apps.alerts.models import Rule
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Sample, Series
from tests.face.conftest import SLOW_MS, keep
from tests.face.evidence import SHOP
from tests.face.walking import broken_rules
from tests.monitoring.store.conftest import clear

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AGE = Metric("shop.queue.age", "s", Kind.GAUGE)


@pytest.fixture
def rule(transactional_db) -> Rule:
    """Ten hours of a queue that was too old twice, and a rule on it."""
    clear()
    now = time.time_ns() - 20 * 10**9
    batch = Batch()
    for minute in range(600):
        bad = 100 <= minute < 130 or 300 <= minute < 340
        value = (80.0 if bad else 20.0) + minute % 7
        at = now - minute * 60 * 10**9
        batch.samples.append(Sample(Series(AGE, SHOP, {"queue": "mail"}), at, value))
    assert committer().ingest(batch).rejected == 0
    committer().close()
    Rule.objects.all().delete()
    return Rule.objects.create(
        name="Mail waits", metric="shop.queue.age", by=["queue"], warning=50, critical=70,
        clear_warning=40, window_s=60, for_s=120,
    )  # fmt: skip


def test_the_preview_follows_the_form_and_the_fields_follow_the_kind(visit, rule):
    def look(page: Page) -> dict[str, object]:
        sentence = page.locator("[data-sentence]")
        expect(sentence).to_contain_text("Would have fired 2 times", timeout=SLOW_MS)
        page.locator("#rule-preview").scroll_into_view_if_needed()
        expect(page.locator(".scatterlayer path.js-line").first).to_be_attached(timeout=SLOW_MS)
        seen: dict[str, object] = {
            "bands": page.locator(".shapelayer path, .layer-below path").count(),
            "firings": page.locator(".ph-rule-firings tbody tr").count(),
            "broken": broken_rules(page),
        }
        keep(page, "rule-editor")
        page.locator("#id_warning").fill("500")
        page.locator("#id_critical").fill("")
        expect(sentence).to_contain_text("Would not have fired")
        page.locator("#id_clear_warning").fill("600")
        expect(sentence).to_contain_text("harder than its trigger")
        page.locator("#id_clear_warning").fill("")
        page.locator("#id_metric").fill("shop.queue.aeg")
        expect(page.locator("[data-notes]")).to_contain_text("shop.queue.age")
        page.locator("#id_condition").select_option("change")
        expect(page.locator("#id_config_change_of")).to_be_visible()
        seen["others"] = page.locator("#id_config_log_text").is_visible()
        page.locator("#id_condition").select_option("log")
        expect(page.locator("#id_config_log_text")).to_be_visible()
        seen["metric"] = page.locator("#id_metric").is_visible()
        return seen

    seen = visit(
        f"/admin/alerts/rule/{rule.pk}/change/", look, viewport={"width": 1280, "height": 900}
    )
    assert seen["broken"] == []
    assert seen["bands"] >= 5, seen
    assert (seen["firings"], seen["others"], seen["metric"]) == (2, False, False)


def test_the_editor_is_for_dark_and_narrow_screens_too(visit, rule):
    def look(page: Page) -> tuple[list[object], bool]:
        expect(page.locator("[data-sentence]")).to_contain_text("Would have fired", timeout=SLOW_MS)
        page.locator("#rule-preview").scroll_into_view_if_needed()
        expect(page.locator(".scatterlayer path.js-line").first).to_be_attached(timeout=SLOW_MS)
        keep(page, "rule-editor-narrow")
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
        return broken_rules(page), wide

    found, wide = visit(
        f"/admin/alerts/rule/{rule.pk}/change/", look,
        viewport={"width": 390, "height": 844}, color_scheme="dark",
    )  # fmt: skip
    assert found == []
    assert not wide


def test_without_a_script_it_is_a_plain_form(visit, rule):
    def look(page: Page) -> tuple[int, bool]:
        return page.locator("select#id_config_change_of").count(), page.locator(
            "#rule-preview"
        ).is_visible()

    path = f"/admin/alerts/rule/{rule.pk}/change/"
    assert visit(path, look, java_script_enabled=False) == (1, False)
