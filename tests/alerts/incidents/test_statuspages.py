"""What leaves on a status page: what was published, and nothing else."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.test import Client

from apps.alerts import incidents
from apps.alerts.incidents import statuspages
from apps.alerts.incidents.statuspages import News
from apps.alerts.models import (
    Incident,
    StatusComponent,
    StatusPage,
    StatusSpan,
    StatusUpdate,
)
from apps.core.clock import db_now
from apps.core.errors import ConflictError, InvalidInputError

pytestmark = pytest.mark.django_db
SECRETS = ("s3cr3t-host", "Inner title", "internal words", "HIGH_ERROR_RATE", "ann", "pay-db")


@pytest.fixture
def page():
    cache.clear()
    row = StatusPage.objects.create(slug="shop", title="Shop status", public=True)
    for name, services in (("Checkout", ["shop", "pay-db"]), ("Search", ["search"]), ("Mail", [])):
        StatusComponent.objects.create(page=row, name=name, services=services)
    return row


def health():
    return list(StatusComponent.objects.order_by("pk").values_list("health", flat=True))


def get(path="/status/shop/", **headers):
    return Client(headers=headers).get(path)


@pytest.fixture
def inner(make_incident, make_episode):
    """An incident full of what must stay inside."""
    episode = make_episode(labels={"service.name": "pay-db", "host": "s3cr3t-host"})
    row = make_incident(
        episode, title="Inner title", severity="critical",
        about=incidents.About(summary="internal words"),
    )  # fmt: skip
    incidents.log.comment(row, "internal words", "ann")
    return row


def test_nothing_internal_leaks(page, inner):
    statuspages.refresh()
    statuspages.tell(
        inner,
        # As pasted from a terminal: XML has no such letters.
        News(page.pk, "Payments fail", "We look\x0b \x1binto <it>.", "investigating", "outage"),
        "ann",
    )
    for path in ("/status/shop/", "/status/shop/feed.atom"):
        answer = get(path)
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "Payments fail" in text
        assert "&lt;it&gt;" in text
        assert [word for word in SECRETS if word in text.replace("Shop status", "")] == []
        assert "script" not in text
        assert not answer.cookies
        assert answer["Cache-Control"] == "public, max-age=20"
    policy = get()["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert inner.log.last().kind == "published"


def test_components_follow_their_services_and_keep_a_history(page, inner):
    assert statuspages.refresh() == 1
    assert health() == ["outage", "operational", "operational"]
    assert statuspages.refresh() == 0
    incidents.move(inner, "resolved", "ann")
    inner.episodes.update(state="recovering", severity="warning")
    statuspages.refresh()
    assert health()[0] == "degraded"
    inner.episodes.update(state="resolved")
    statuspages.refresh()
    assert health() == ["operational"] * 3
    spans = StatusSpan.objects.order_by("pk")
    assert [(one.health, one.ended_at is None) for one in spans] == [
        ("outage", False), ("degraded", False),
    ]  # fmt: skip
    now = db_now()
    StatusSpan.objects.filter(health="outage").update(
        started_at=now - timedelta(days=11), ended_at=now - timedelta(days=2)
    )
    first = statuspages.shown(page).components[0]
    assert first.uptime == pytest.approx(0.9, abs=0.001)
    assert (len(first.days), first.days[-1].day) == (90, now.date())
    assert [day.worst for day in first.days].count("outage") == 10


def test_a_notice_is_continued_until_it_is_resolved(page, inner):
    def tell(stage, text="News", **more):
        values = {"title": "Payments fail", "impact": "partial", **more}
        return statuspages.tell(inner, News(page.pk, text=text, stage=stage, **values), "ann")

    first, second = tell("investigating"), tell("identified")
    assert first.notice_id == second.notice_id
    assert [one.name for one in first.notice.components.all()] == ["Checkout"]
    tell("resolved")
    first.notice.refresh_from_db()
    assert first.notice.ends_at is not None
    assert tell("investigating").notice_id != first.notice_id
    for wrong in ({"impact": "awful"}, {"text": " "}, {"stage": "odd"}):
        with pytest.raises(InvalidInputError):
            tell(**{"stage": "resolved", **wrong})
    with pytest.raises(DatabaseError), transaction.atomic():
        StatusUpdate.objects.update(text="we never said that")
    StatusPage.objects.update(enabled=False)
    with pytest.raises(ConflictError):
        tell("resolved")
    assert get().status_code == 404


def test_what_was_published_counts_also_where_it_names_no_component(page):
    news = News(page.pk, "Cards are late", "We look into it.", "investigating", "partial")
    statuspages.tell(None, news, "ann")
    assert health() == ["operational"] * 3
    assert statuspages.shown(page).health == "partial"


def test_staff_who_may_see_status_pages_need_no_token(page, staff_client):
    StatusPage.objects.update(public=False)
    assert staff_client.get("/status/shop/").status_code == 200
    client = Client()
    client.force_login(User.objects.create_user("reader", is_staff=True))
    assert client.get("/status/shop/").status_code == 404


def test_a_private_page_is_for_those_with_its_token(page):
    page.public = False
    token = statuspages.set_token(page)
    page.save()
    assert token not in page.token_hash
    assert [get(f"/status/shop/{query}").status_code for query in
            ("", "?token=", "?token=wrong", f"?token={token}")] == [404, 404, 404, 200]  # fmt: skip
    assert get(f"/status/shop/?token={token}")["Cache-Control"] == "private, no-store"
    assert get(f"/status/shop/feed.atom?token={token}").status_code == 200
    body = get(f"/status/shop/?token={token}").content.decode()
    assert f'href="?lang=ko&amp;token={token}"' in body
    assert f'href="feed.atom?token={token}"' in body
    statuspages.set_token(page)
    page.save()
    assert get(f"/status/shop/?token={token}").status_code == 404


def test_a_crowd_costs_a_handful_of_statements(page, inner, django_assert_num_queries):
    with django_assert_num_queries(5):
        get()
    for _ in range(3):
        with django_assert_num_queries(1):
            assert get().status_code == 200


def test_each_reader_gets_their_language(page):
    assert 'lang="ko"' in get(**{"Accept-Language": "ko"}).content.decode()[:60]
    assert 'lang="en"' in get("/status/shop/?lang=en").content.decode()[:60]
    assert 'lang="en"' in get(**{"Accept-Language": "de"}).content.decode()[:60]


def test_pages_are_made_in_the_admin_and_audited(staff_client):
    form = {
        "slug": "new", "title": "New", "intro": "", "enabled": "on",
        "components-TOTAL_FORMS": "1", "components-INITIAL_FORMS": "0",
        "components-0-name": "API", "components-0-position": "1", "components-0-services": "shop",
    }  # fmt: skip
    answer = staff_client.post("/admin/alerts/statuspage/add/", form)
    assert answer.status_code == 302, answer.context["errors"]
    row = StatusPage.objects.get()
    assert row.components.get().services == ["shop"]
    run = {"action": "new_token", "_selected_action": [row.pk]}
    told = staff_client.post("/admin/alerts/statuspage/", run, follow=True).content.decode()
    assert "/status/new/?token=" in told
    assert staff_client.post(f"/admin/alerts/statuspage/{row.pk}/delete/", {"post": "yes"})
    assert not StatusPage.objects.exists()
    assert not Incident.objects.exists()


def test_a_mapping_that_cannot_be_followed_is_refused_at_save(staff_client):
    form = {"key": "icinga", "name": "Icinga", "format": "json", "mapping": '{"titel": "x"}'}
    answer = staff_client.post("/admin/alerts/foreignsource/add/", form)
    assert "titel" in str(answer.context["errors"])
    form["mapping"] = '{"title": "x"}'
    assert staff_client.post("/admin/alerts/foreignsource/add/", form).status_code == 302
