"""NUL characters, halves of surrogate pairs and endless text in every form and address of alerts.

PostgreSQL takes none of the first two as text: they are refused or left out, and break no page.
"""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.forms import ModelChoiceField
from django.test import Client, RequestFactory

from apps.alerts import incidents
from apps.alerts.clock import db_now
from apps.alerts.models import Rule, Schedule, StatusPage
from apps.alerts.services import schedules
from tests.face.test_alert_board import make

NUL, HALF = "a\0b", "a\ud800b"
LONG = "é" * 5000
# No form's charset has half a pair; JSON can write it.
JSON = '["\\u0000", "\\ud800"]'

# Addresses and what may stand in their queries.
PAGES = {
    "/admin/alerts/board/": "severity service rule label state taken group",
    "/admin/on-call/": "schedule view day zone",
    "/admin/incidents/": "status severity service text",
    "/admin/incidents/{incident}/learned/": "version",
    "/admin/alerts/routing/": "labels",
    "/admin/alerts/silence/add/": "episode stored_matchers comment",
    "/admin/alerts/rule/add/": "name metric config",
    "/admin/alerts/channel/add/": "name kind",
    "/oncall/calendar.ics": "token",
}
LISTS = "episode silence notification channel route rule schedule alertgroup digest"
# Forms, what they ask for, and their verbs.
FORMS = {
    "/admin/alerts/board/{verb}/": ("note back", "acknowledge unacknowledge silence"),
    "/admin/on-call/{schedule}/override/": ("person note from until", "."),
    "/admin/on-call/{schedule}/swap/": ("note", "."),
    "/admin/on-call/me/page/": ("back", "."),
    "/admin/incidents/declare/": ("title severity summary nonce", "."),
    "/admin/incidents/{incident}/do/{verb}/": (
        "status text title summary severity role person kind ref impact stage",
        "status describe role comment strike task settle link merge postmortem publish",
    ),
}
FILLED = {
    "from": "2030-07-01T09:00", "until": "2030-07-02T09:00", "person": "staff", "title": "x",
    "severity": "major", "role": "commander", "kind": "url", "ref": "https://example.com",
    "status": "investigating", "stage": "investigating", "impact": "minor",
}  # fmt: skip


@pytest.fixture
def known(db, staff: User) -> dict[str, Any]:
    Rule.objects.all().delete()
    rule = Rule.objects.create(name="CPU", metric="system.cpu.utilization", critical=0.9)
    schedule = Schedule.objects.create(name="s", zone="UTC", gaps_allowed=True)
    now = db_now()
    schedules.override(schedule, staff, now, now + timedelta(days=80), by="x")
    StatusPage.objects.create(slug="s", title="s")
    incident = incidents.declare("k", "t", "major", by="x")
    return {"episode": make(rule, host="h").pk, "schedule": schedule.pk, "incident": incident.pk}


def broken(client: Client, method: str, url: str, **how: Any) -> list[str]:
    client.raise_request_exception = False
    status = getattr(client, method)(url, **how).status_code
    return [f"{status} {method} {url[:150]} {str(how.get('data', ''))[:300]!r}"] * (status >= 500)


def test_no_address_of_alerts_breaks_a_page(staff_client, known):
    asked = {**PAGES, **{f"/admin/alerts/{name}/": "q id__exact" for name in LISTS.split()}}
    found = []
    for path, names in asked.items():
        for name in names.split():
            for text in ("a%00b", "%ED%A0%80", "9" * 400, quote(LONG[:2000])):
                found += broken(staff_client, "get", f"{path.format(**known)}?{name}={text}")
    assert found == []


def test_no_form_on_the_pages_of_alerts_breaks(staff_client, known):
    found = []
    for path, (names, verbs) in FORMS.items():
        for verb in verbs.split():
            url = path.format(verb=verb, **known)
            whole = {
                "episode": str(known["episode"]),
                **{n: FILLED.get(n, "") for n in names.split()},
            }
            free = [name for name in names.split() if not FILLED.get(name, "")]
            for text, fields in ((NUL, names.split()), (LONG, free)):
                form = {**whole, **dict.fromkeys(fields, text)}
                found += broken(staff_client, "post", url, data=form)
    assert found == []


def _filled(form: Any, prefix: str, text: str) -> dict[str, str]:
    """The text in every field of a form that takes text."""
    return {
        f"{prefix}{name}": text
        for name, field in form.base_fields.items()
        if not isinstance(field, ModelChoiceField)
    }


@pytest.mark.parametrize("text", [NUL, JSON])
def test_no_form_of_the_admin_breaks(staff_client, staff, known, text):
    request = RequestFactory().get("/")
    request.user = staff
    found = []
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label != "alerts" or not model_admin.has_add_permission(request):
            continue
        fields = _filled(model_admin.get_form(request), "", text)
        for formset, _inline in model_admin.get_formsets_with_inlines(request):
            prefix = formset.get_default_prefix()
            inline = _filled(formset.form, f"{prefix}-0-", text)
            fields |= {f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-INITIAL_FORMS": "0", **inline}
        url = f"/admin/alerts/{model._meta.model_name}/add/"
        found += broken(staff_client, "post", url, data=fields)
    assert found == []


def test_no_body_of_the_api_breaks_it(staff_client, known):
    found = []
    ends = (db_now() + timedelta(hours=1)).isoformat()
    for text in (NUL, HALF):
        for path, told in (
            ("/admin/alerts/silences", {"matchers": ["a=b"], "ends_at": ends, "comment": text}),
            ("/admin/alerts/silences", {"matchers": [text], "ends_at": ends, "comment": "x"}),
            (f"/admin/alerts/schedules/{known['schedule']}/overrides",
             {"person": text, "starts_at": ends, "ends_at": ends, "note": text}),
            ("/admin/incidents/create", {"title": text, "severity": "major", "key": text}),
            ("/admin/alerts/rule", {"name": text, "metric": text, "condition": text}),
        ):  # fmt: skip
            form = {"data": json.dumps(told), "content_type": "application/json"}
            found += broken(staff_client, "post", path, **form)
    assert found == []
