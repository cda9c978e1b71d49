"""The board of open alerts: what is wrong, since when, who has it, and what can be done there."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from playwright.sync_api import Page, expect

from apps.alerts import incidents
from apps.alerts.clock import db_now
from apps.alerts.evaluation.observed import fingerprint
from apps.alerts.models import Acknowledgement, Episode, Rule, Silence
from tests.face.conftest import darken, keep
from tests.face.walking import broken_rules, too_wide

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


def make(rule: Rule, severity: str = "critical", **labels: str) -> Episode:
    now = db_now()
    return Episode.objects.create(
        rule=rule, rule_name=rule.name, fingerprint=fingerprint(labels), metric=rule.metric,
        unit="1", labels=labels, direction="above", state="firing", severity=severity, value=0.953,
        peak=0.99, threshold=0.9, started_at=now - timedelta(minutes=7),
        fired_at=now - timedelta(minutes=5), updated_at=now,
    )  # fmt: skip


@pytest.fixture
def rule(db) -> Rule:
    Rule.objects.all().delete()
    return Rule.objects.create(name="CPU", metric="system.cpu.utilization", critical=0.9)


@pytest.fixture
def open_alerts(rule) -> list[Episode]:
    hot = make(rule, **{"service.name": "shop", "host.name": "web-1"})
    return [
        hot,
        make(rule, "warning", **{"service.name": "shop", "host.name": "web-2"}),
        make(rule, "warning", **{"service.name": "mail", "host.name": HOSTILE}),
    ]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_board_shows_takes_and_silences_and_everyone_can_use_it(visit, open_alerts):
    hot = open_alerts[0]

    def look(page: Page) -> list[str]:
        base = page.url.split("/admin/")[0]
        broken = []
        expect(page.locator(".al-row")).to_have_count(3)
        expect(page.locator(".al-row").first).to_contain_text("web-1")
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "live")
        keep(page, "alert-board-light")
        broken += broken_rules(page)
        darken(page)
        keep(page, "alert-board-dark")
        broken += broken_rules(page, "color-contrast")
        page.set_viewport_size({"width": 390, "height": 844})
        keep(page, "alert-board-narrow")
        broken += [f"{too_wide(page)} px too wide"] if too_wide(page) else []
        page.set_viewport_size({"width": 1400, "height": 900})
        # By keys alone: the first row, taken.
        page.keyboard.press("j")
        page.keyboard.press("a")
        expect(page.get_by_role("button", name="Let go")).to_be_visible()
        expect(page.locator(".al-row").first).to_contain_text("face")
        page.locator(".al-row").first.get_by_role("button", name="Silence 1 h").click()
        expect(page.get_by_text("Done for 1 alert.")).to_be_visible()
        page.goto(f"{base}/admin/alerts/board/?service=mail&group=service")
        expect(page.locator(".al-row")).to_have_count(1)
        assert page.title() != "owned"
        page.goto(f"{base}/admin/alerts/board/?label=nonsense")
        expect(page.get_by_text("Write a label as name=value.")).to_be_visible()
        page.goto(f"{base}/admin/alerts/board/?service=nobody")
        expect(page.get_by_text("No open alert matches")).to_be_visible()
        broken += broken_rules(page)
        return broken

    assert visit("/admin/alerts/board/", look, color_scheme="light", expected_errors="400") == []
    assert Acknowledgement.objects.get().episode_id == hot.pk
    assert Silence.objects.count() == 1


@pytest.mark.django_db
def test_who_may_not_look_is_kept_out_and_who_may_only_look_cannot_act(open_alerts):
    person = User.objects.create_user("reader", is_staff=True)
    client = Client()
    client.force_login(person)
    assert client.get("/admin/alerts/board/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_episode"))
    page = client.get("/admin/alerts/board/")
    assert page.status_code == 200
    assert b"formaction" not in page.content
    chosen = {"episode": str(open_alerts[0].pk)}
    for verb in ("acknowledge", "unacknowledge", "silence"):
        assert client.post(f"/admin/alerts/board/{verb}/", chosen).status_code == 403
    assert client.post("/admin/alerts/board/explode/", chosen).status_code == 404
    # To take, and to end what somebody else has taken, are two rights, as in the API.
    person.user_permissions.add(Permission.objects.get(codename="add_acknowledgement"))
    assert client.post("/admin/alerts/board/acknowledge/", chosen).status_code == 302
    assert client.post("/admin/alerts/board/unacknowledge/", chosen).status_code == 403
    assert b"Let go" not in client.get("/admin/alerts/board/").content
    person.user_permissions.add(Permission.objects.get(codename="change_acknowledgement"))
    assert b"Let go" in client.get("/admin/alerts/board/").content
    assert client.post("/admin/alerts/board/unacknowledge/", chosen).status_code == 302
    assert Acknowledgement.objects.get().ended_by == "reader"


@pytest.mark.django_db
def test_page_api_and_admin_read_the_same_filters(staff_client, open_alerts):
    Episode.objects.filter(pk=open_alerts[1].pk).update(state="pending")
    Episode.objects.filter(pk=open_alerts[2].pk).update(state="resolved", ended_at=db_now())

    def found(address: str, query: str) -> set[int]:
        text = staff_client.get(f"{address}?{query}").content.decode()
        return {n for n, one in enumerate(open_alerts) if str(one.pk) in text}

    everywhere = [
        ("state=open", {0}),
        ("state=active", {0, 1}),
        ("state=active&severity=warning&service=shop", {1}),
        ("state=open&taken=yes", set()),
        ("state=active&label=host.name%3Dweb-2&rule=cp", {1}),
    ]
    # The history has its own beginning, and the others say "open" where nothing is asked for.
    for query, those in [*everywhere, ("state=pending,firing", {0, 1})]:
        for address in ("/admin/alerts/board/", "/admin/monitoring/alerts", "/admin/alerts/history",
                        "/admin/alerts/episode/"):  # fmt: skip
            assert found(address, query) == those, (address, query)
    # Addresses of before.
    assert found("/admin/alerts/board/", "state=all") == {0, 1}
    assert found("/admin/alerts/episode/", "state__exact=resolved&severity__exact=warning") == {2}
    assert found("/admin/alerts/episode/", "") == {0, 1, 2}


@pytest.mark.django_db
def test_a_wrong_filter_is_told_beside_its_field_and_the_rest_is_obeyed(staff_client, open_alerts):
    for query, name, mend in (
        ("state=resolved", "state", "Choose one of the list."),
        ("taken=perhaps", "taken", "Choose one of the list."),
        ("label=nonsense", "label", "Write a label as name=value."),
        ("rule=a&rule=b", "rule", "Given more than once. It takes one value."),
    ):
        answer = staff_client.get(f"/admin/alerts/board/?{query}&severity=critical")
        page = answer.content.decode()
        assert answer.status_code == 400
        assert f'<small class="ph-mistake" id="{name}-mistake">{mend}</small>' in page
        assert page.count('class="al-row"') == 1
        # What is exported is what is shown.
        export = page.split('" download>CSV')[0].rsplit('href="', 1)[1].replace("&amp;", "&")
        assert export.endswith("?severity=critical&format=csv")
        assert b"".join(staff_client.get(export).streaming_content).count(b"web-1") == 1
        assert staff_client.get(f"/admin/monitoring/alerts?{query}").status_code == (
            200 if query == "state=resolved" else 400
        )
    listed = staff_client.get("/admin/alerts/episode/?severity=mild").content.decode()
    assert "Severity: Choose one of the list." in listed


@pytest.mark.django_db
def test_acts_go_back_to_the_same_board_and_nowhere_else(staff_client, open_alerts):
    chosen = [str(one.pk) for one in open_alerts]
    body = {"episode": chosen, "back": "service=shop&next=//evil.example"}
    answer = staff_client.post("/admin/alerts/board/acknowledge/", body)
    assert answer.url.startswith("/admin/alerts/board/?service=shop")
    assert Acknowledgement.objects.count() == 3
    assert (
        staff_client.post("/admin/alerts/board/acknowledge/", {"episode": "x"}).status_code == 404
    )
    assert staff_client.get("/admin/alerts/board/acknowledge/").status_code == 405


@pytest.mark.django_db
def test_the_board_costs_few_queries_however_many_alerts_there_are(
    rule, staff_client, django_assert_max_num_queries
):
    for n in range(30):
        make(rule, host=str(n))
    with django_assert_max_num_queries(14):
        page = staff_client.get("/admin/alerts/board/")
    assert page.content.count(b'class="al-row"') == 30
    # As the explorer reads it.
    assert b"/admin/metrics/?name=system.cpu.utilization&amp;" in page.content


@pytest.mark.django_db
def test_an_alert_leads_to_its_incident_for_who_may_see_it(staff_client, open_alerts):
    one = incidents.declare("k", "Shop is down", "major", by="ann", episodes=open_alerts[:1])
    link = f'href="/admin/incidents/{one.pk}/"'
    pages = ("/admin/alerts/board/", f"/admin/alerts/episode/{open_alerts[0].pk}/change/")
    for address in pages:
        shown = staff_client.get(address).content.decode()
        assert link in shown
        assert "Shop is down" in shown
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_episode"))
    client = Client()
    client.force_login(looker)
    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "Shop is down" not in answer.content.decode()


@pytest.mark.django_db
def test_an_empty_board_says_whether_anything_watches(rule, staff_client):
    assert b"Nothing is wrong" in staff_client.get("/admin/alerts/board/").content
    Rule.objects.update(enabled=False)
    assert b"No rule is switched on" in staff_client.get("/admin/alerts/board/").content


@pytest.mark.django_db
def test_the_live_state_changes_when_an_alert_is_taken_and_not_with_its_value(open_alerts):
    from apps.alerts.services import acknowledgements
    from portal.alerting.topic import newest

    before = newest()
    assert (before["open"], before["critical"], before["taken"]) == (3, 1, 0)
    Episode.objects.update(value=0.99)
    assert newest() == before
    acknowledgements.acknowledge([open_alerts[0]], "ann")
    after = newest()
    assert after["taken"] == 1
    assert after["state"] != before["state"]
