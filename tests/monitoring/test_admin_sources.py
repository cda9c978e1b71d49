"""Scrape targets, browser keys and cloud accounts in the admin."""

import pytest

from apps.core.models import AuditEntry
from apps.monitoring.models import BrowserKey, CloudAccount, CollectorState, ScrapeTarget

pytestmark = pytest.mark.django_db
ADMIN = "/admin/monitoring"
TARGET = {
    "name": "shop", "service": "shop", "url": "http://shop:8000/metrics", "interval_s": "15",
    "timeout_s": "10", "labels": '{"region": "eu"}', "sample_limit": "20000", "enabled": "on",
    "new_authorization": "Bearer hush-hush",
}  # fmt: skip


def test_a_target_is_made_and_its_header_is_never_shown_again(staff_client):
    answer = staff_client.post(f"{ADMIN}/scrapetarget/add/", TARGET)
    assert answer.status_code == 302, answer.content
    made = ScrapeTarget.objects.get()
    assert made.authorization.reveal() == "Bearer hush-hush"
    page = f"{ADMIN}/scrapetarget/{made.pk}/change/"
    assert b"hush" not in staff_client.get(page).content
    # Left empty it stays; a dash takes it away.
    for typed, left in (("", "Bearer hush-hush"), ("-", "")):
        staff_client.post(page, {**TARGET, "new_authorization": typed})
        made = ScrapeTarget.objects.get()
        assert made.authorization.reveal() == left
    told = [str(entry.__dict__) for entry in AuditEntry.objects.all()]
    assert any("scrapetarget.create" in text for text in told)
    assert not any("hush" in text for text in told)


def test_another_address_wants_the_header_again(staff_client):
    staff_client.post(f"{ADMIN}/scrapetarget/add/", TARGET)
    page = f"{ADMIN}/scrapetarget/{ScrapeTarget.objects.get().pk}/change/"
    moved = {**TARGET, "url": "http://thief/metrics", "new_authorization": ""}
    answer = staff_client.post(page, moved)
    assert "Enter the header again" in answer.content.decode()
    assert ScrapeTarget.objects.get().url == TARGET["url"]
    assert staff_client.post(page, {**moved, "new_authorization": "-"}).status_code == 302
    assert not ScrapeTarget.objects.get().authorization


@pytest.mark.parametrize(
    "changes",
    [
        {"new_authorization": "a\tb"}, {"labels": "[1]"}, {"url": "file:///etc/passwd"},
        {"timeout_s": "20"}, {"name": "<b>"},
    ],
)  # fmt: skip
def test_a_form_with_nonsense_is_shown_again(staff_client, changes):
    answer = staff_client.post(f"{ADMIN}/scrapetarget/add/", {**TARGET, **changes})
    assert answer.status_code == 200
    assert not ScrapeTarget.objects.exists()


def test_the_lists_tell_how_the_last_run_ended(staff_client, django_assert_max_num_queries):
    for number in range(12):
        ScrapeTarget.objects.create(name=f"t{number}", service="s", url="http://x/metrics")
        CollectorState.objects.create(
            kind="scrape", target=f"t{number}", status="unknown", error="It was refused.",
            interval_s=15,
        )  # fmt: skip
    CloudAccount.objects.create(name="prod", service="shop", region="eu-central-1")
    with django_assert_max_num_queries(14):
        page = staff_client.get(f"{ADMIN}/scrapetarget/").content.decode()
    assert page.count("It was refused.") == 12
    assert "not read yet" in staff_client.get(f"{ADMIN}/cloudaccount/").content.decode()


def test_a_browser_key_shows_the_address_to_give_to_an_exporter(staff_client):
    fields = {
        "name": "pages", "service": "shop-web", "origins": "https://shop.example,http://x:8080",
        "attributes": "", "requests_a_minute": "600", "most_series": "200", "enabled": "on",
    }  # fmt: skip
    assert staff_client.post(f"{ADMIN}/browserkey/add/", fields).status_code == 302
    made = BrowserKey.objects.get()
    assert made.origins == ["https://shop.example", "http://x:8080"]
    page = staff_client.get(f"{ADMIN}/browserkey/{made.pk}/change/").content.decode()
    assert f"/browser/{made.key}/v1/traces" in page
    for origin in ("*", "https://*.example", "https://shop.example/", "shop.example", "null"):
        wrong = {**fields, "name": "wrong", "origins": origin}
        assert staff_client.post(f"{ADMIN}/browserkey/add/", wrong).status_code == 200, origin
    assert BrowserKey.objects.count() == 1


def test_an_account_takes_its_figures_and_seals_its_key(staff_client):
    fields = {
        "name": "prod", "provider": "cloudwatch", "service": "shop", "region": "eu-central-1",
        "access_key_id": "AKIA", "new_secret": "hush-hush", "enabled": "on",
        "figures-TOTAL_FORMS": "1", "figures-INITIAL_FORMS": "0", "figures-0-figure": "cpu",
        "figures-0-namespace": "AWS/ECS", "figures-0-metric": "CPUUtilization",
        "figures-0-statistic": "Average", "figures-0-dimensions": '{"ServiceName": "shop"}',
        "figures-0-divisor": "",
    }  # fmt: skip
    answer = staff_client.post(f"{ADMIN}/cloudaccount/add/", fields)
    assert answer.status_code == 302, answer.content
    account = CloudAccount.objects.get()
    assert account.secret_access_key.reveal() == "hush-hush"
    assert account.figures.get().dimensions == {"ServiceName": "shop"}
    page = f"{ADMIN}/cloudaccount/{account.pk}/change/"
    assert b"hush" not in staff_client.get(page).content
