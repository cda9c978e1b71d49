"""The pages of alerting: reachable, never silent about why they are empty, and for everyone."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page

from apps.alerts.clock import db_now
from apps.alerts.models import Decision, Episode, Notification, Receiver, Route, Rule, Silence
from portal.settings.navigation import NAVIGATION, TABS
from tests.alerts.escalating import episode, webhook
from tests.face.conftest import darken, keep
from tests.face.test_oncall_pages import furnish
from tests.face.walking import NARROW, WIDE, broken_rules, too_wide

A = "/admin/alerts"
OURS = [model for model in admin.site._registry if model._meta.app_label == "alerts"]
# There is always a root, and one switch.
NEVER_EMPTY = {"route", "deadman"}


def test_every_list_is_reached_from_the_sidebar_or_its_tabs():
    entries = [item for group in (*NAVIGATION, *TABS) for item in group["items"]]
    links = {str(item["link"]) for item in entries}
    lists = {reverse(f"admin:alerts_{model._meta.model_name}_changelist") for model in OURS}
    assert lists - links == set()


@pytest.mark.django_db
def test_every_empty_list_says_why_and_a_filtered_one_leads_back(staff_client):
    silent = {
        model._meta.model_name
        for model in OURS
        if not getattr(admin.site._registry[model], "why_empty", "")
    }
    assert silent == NEVER_EMPTY
    empty = staff_client.get(f"{A}/noisyrule/").content.decode()
    assert "No rule sends so many messages that people stop reading them." in empty
    assert "make demo" in staff_client.get(f"{A}/episode/").content.decode()
    assert "Add silence" in staff_client.get(f"{A}/silence/").content.decode()
    filtered = staff_client.get(f"{A}/silence/?q=nothing").content.decode()
    assert "Nothing passes these filters" in filtered


def told(about: Episode) -> Notification:
    """A message nobody has taken yet, and the decisions before it."""
    now = db_now()
    Decision.objects.create(
        episode=about, at=now - timedelta(minutes=4), verdict="suppressed", reason="silenced",
        by="Silence 7 of ann", detail={},
    )  # fmt: skip
    Decision.objects.create(episode=about, at=now, verdict="notified", reason="first", by="pay")
    return Notification.objects.create(
        key="k", episode=about, channel=webhook("payments"), kind="webhook", purpose="firing",
        severity="critical", reason="first", payload={"text": "Errors"}, attempt=3,
        outcome="transient", error="The receiver answered 500.",
    )  # fmt: skip


@pytest.fixture
def paths(transactional_db) -> dict[str, str]:
    """Name → path of pages with something on them, and of one without."""
    furnish()
    Rule.objects.all().delete()
    receiver = Receiver.objects.create(name="Payments, by telephone and chat")
    root = Route.objects.filter(parent=None).first() or Route.objects.create(name="All")
    Route.objects.create(
        parent=root, name="Payments", receiver=receiver, group_by=["service.name"],
        stored_matchers=[{"name": "service.name", "op": "=", "value": "shop"}],
    )  # fmt: skip
    hot = episode(labels={"service.name": "shop", "host.name": "web-1"})
    message = told(hot)
    now = db_now()
    Silence.objects.create(
        stored_matchers=[{"name": "service.name", "op": "=", "value": "shop"}], starts_at=now,
        ends_at=now + timedelta(hours=1), comment="Moving the database", created_by="ann",
    )  # fmt: skip
    policy = reverse("admin:alerts_escalationpolicy_changelist")
    return {
        "why": f"{A}/why/{hot.pk}/",
        "routing": f"{A}/routing/?labels=service.name%3Dshop",
        "episode": f"{A}/episode/{hot.pk}/change/",
        "notifications": f"{A}/notification/",
        "notification": f"{A}/notification/{message.pk}/change/",
        "silences": f"{A}/silence/",
        "route-add": f"{A}/route/add/",
        "policies": policy,
        "noisy-empty": f"{A}/noisyrule/",
    }


def look_at(page: Page, name: str, path: str) -> list[str]:
    """What is wrong with one page: wide, dark and on a telephone."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.goto(page.url.partition("/admin/")[0] + path)
    keep(page, f"alerts-{name}-light")
    found = [f"{name}: {rule}" for rule in broken_rules(page)]
    # What a list holds is seen without moving it sideways.
    cut = page.evaluate("""() => {
        const list = document.querySelector('#result_list')?.parentElement;
        return list ? list.scrollWidth - list.clientWidth : 0;
    }""")
    if cut > 1:
        found.append(f"{name} is cut by {cut} px")
    darken(page)
    keep(page, f"alerts-{name}-dark")
    found += [f"{name} dark: {rule}" for rule in broken_rules(page, "color-contrast")]
    page.set_viewport_size(NARROW)
    keep(page, f"alerts-{name}-narrow")
    if wider := too_wide(page):
        found.append(f"{name} is {wider} px wider than a telephone")
    return found


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_page_of_alerting_breaks_a_rule_of_wcag_or_a_telephone(visit, paths):
    pages = list(paths.items())
    found: list[str] = []
    # In threes: each visit has its time, on a busy machine too.
    for some in (pages[:3], pages[3:6], pages[6:]):

        def look(page: Page, some: list[tuple[str, str]] = some) -> list[str]:
            return [one for name, path in some for one in look_at(page, name, path)]

        found += visit(some[0][1], look, viewport=WIDE, color_scheme="light")
    assert not found, "\n".join(found)
