"""The pages of incidents, by plain requests and in a real Chromium."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from playwright.sync_api import Page, expect

from apps.alerts import incidents
from apps.alerts.incidents import log, statuspages, work
from apps.alerts.models import Incident, StatusComponent, StatusPage
from tests.alerts.incidents.conftest import make_episode  # noqa: F401 (fixture)
from tests.face.conftest import SLOW_MS, darken, keep
from tests.face.walking import NARROW, WIDE, broken_rules, too_wide

HOSTILE = "<script>document.title='owned'</script>\u202e"


@pytest.fixture
def incident(make_episode):  # noqa: F811
    """A busy one, with hostile words."""
    row = incidents.declare(
        "k", f"Checkout {HOSTILE}", "critical", by="ann",
        episodes=[make_episode(), make_episode(labels={"service.name": "pay", "x": HOSTILE})],
        about=incidents.About(summary="Carts are lost."),
    )  # fmt: skip
    log.comment(row, f"Look: {HOSTILE}", "bob")
    work.add_task(row, "Roll back", "ann")
    work.link(row, "trace", "a" * 32, "ann")
    work.link(row, "page", "https://wiki.example.com/runbook", "ann", "Runbook")
    return row


@pytest.mark.django_db
def test_every_form_does_its_one_thing(staff_client, staff, incident):
    def do(verb, **form):
        answer = staff_client.post(f"/admin/incidents/{incident.pk}/do/{verb}/", form)
        assert answer.status_code == 302, verb
        incident.refresh_from_db()

    page = StatusPage.objects.create(slug="s", title="S", public=True)
    do("status", status="investigating", text="Looking", version=incident.version)
    do("status", status="resolved", version=1)
    assert incident.status == "investigating"
    do("comment", text="Found it")
    comment = incident.log.filter(kind="comment").last()
    do("strike", event=comment.pk)
    comment.refresh_from_db()
    assert comment.struck_by == "staff"
    do("role", role="commander", person="staff")
    do("task", text="Write a test", afterwards="on", person="staff")
    task = incident.tasks.last()
    do("settle", task=task.pk, state="done")
    do("describe", title="Checkout is down", summary="Carts", severity="major")
    assert (incident.title, incident.severity) == ("Checkout is down", "major")
    do("link", kind="page", ref="javascript:alert(1)")
    do("link", kind="trace", ref="../../x")
    assert incident.links.count() == 2
    do(
        "publish",
        page=page.pk,
        title="Carts",
        text="We know.",
        stage="identified",
        impact="partial",
    )
    assert page.notices.get().updates.get().by == "staff"
    do("postmortem", draft="1")
    do("postmortem", text="Better", version="1")
    do("postmortem", text="Late", version="1")
    assert [one.text for one in incident.postmortems.all()][:1] == ["Better"]
    do("merge", into="nonsense")
    do("merge", into=str(incident.pk))
    assert staff_client.post(f"/admin/incidents/{incident.pk}/do/odd/").status_code == 404
    for path in ("", "learned/", "learned/?version=1", "learned/?version=9" * 9, "learned/file/"):
        assert staff_client.get(f"/admin/incidents/{incident.pk}/{path}").status_code == 200
    form = {"title": "By hand", "severity": "minor", "nonce": "1"}
    for _ in range(2):
        staff_client.post("/admin/incidents/declare/", form)
    assert Incident.objects.filter(title="By hand").count() == 1


@pytest.mark.django_db
def test_who_may_look_may_not_change(incident, django_assert_max_num_queries):
    person = User.objects.create_user("reader", is_staff=True)
    client = Client()
    client.force_login(person)
    assert client.get("/admin/incidents/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_incident"))
    with django_assert_max_num_queries(12):
        assert client.get("/admin/incidents/").status_code == 200
    with django_assert_max_num_queries(32):
        text = client.get(f"/admin/incidents/{incident.pk}/").content.decode()
    assert "What to do next" in text
    assert 'action="/admin/incidents' not in text
    assert client.get(f"/admin/incidents/{incident.pk}/learned/").status_code == 403
    for path in (f"{incident.pk}/do/comment/", "declare/"):
        assert client.post(f"/admin/incidents/{path}", {"text": "x"}).status_code == 403
    assert client.get("/admin/incidents/99999/").status_code == 404
    assert client.get("/admin/incidents/?status=odd&severity=x").status_code == 400


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_pages_are_whole_and_the_timeline_is_alive(visit, incident):
    page_row = StatusPage.objects.create(slug="s", title="Shop status", public=True)
    StatusComponent.objects.create(page=page_row, name="Checkout", services=["shop"])
    StatusComponent.objects.create(page=page_row, name="Search", description="Finding things")
    news = statuspages.News(page_row.pk, "Carts are lost", "We look.", "investigating", "outage")
    statuspages.tell(incident, news, "ann")
    empty = "/admin/incidents/?status=closed"
    paths = {
        "incidents": "/admin/incidents/", "incidents-none": empty,
        "incident": f"/admin/incidents/{incident.pk}/",
        "postmortem": f"/admin/incidents/{incident.pk}/learned/", "status-page": "/status/s/",
    }  # fmt: skip

    def look(page: Page) -> list[str]:
        base = page.url.partition("/admin/")[0]
        found = []
        for name, path in paths.items():
            page.goto(base + path)
            schemes = ("light", "dark") if name in ("incident", "status-page") else ("light",)
            for scheme in schemes:
                # The status page follows the system, ours the reader's choice.
                page.emulate_media(color_scheme=scheme)
                if scheme == "dark":
                    darken(page)
                keep(page, f"{name}-{scheme}")
                only = "color-contrast" if scheme == "dark" else ""
                found += [f"{name} {scheme}: {rule}" for rule in broken_rules(page, only)]
            page.set_viewport_size(NARROW)
            keep(page, f"{name}-narrow")
            if wider := too_wide(page):
                found.append(f"{name} is {wider} px wider than a telephone")
            page.set_viewport_size(WIDE)
            page.emulate_media(color_scheme="light")
        page.goto(base + paths["incident"])
        assert page.title() != "owned"
        steps = page.locator(".in-steps")
        expect(steps).to_contain_text(re.compile("commander"))
        # Somebody else writes elsewhere: the timeline shows it without a reload.
        token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
        expect(page.locator(".in-timeline")).not_to_contain_text("From elsewhere")
        expect(page.locator("[data-live=on]")).to_be_attached(timeout=SLOW_MS)
        page.context.request.post(
            f"{base}{paths['incident']}do/comment/",
            form={"csrfmiddlewaretoken": token, "text": "From elsewhere"},
            headers={"Referer": base},
        )
        expect(page.locator(".in-timeline")).to_contain_text("From elsewhere", timeout=SLOW_MS)
        return found

    assert visit("/admin/incidents/", look, viewport=WIDE) == []
