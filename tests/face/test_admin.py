"""The admin in the portal's skin: every list opens, and API keys are shown once."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from unfold.admin import ModelAdmin

from apps.core.models import ApiKey
from apps.core.services import apikeys


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda m: m._meta.label)
def test_every_list_and_form_opens_in_the_skin(model, staff_client):
    assert isinstance(admin.site._registry[model], ModelAdmin)
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert staff_client.get(reverse(f"{base}_changelist"), follow=True).status_code == 200
    assert staff_client.get(reverse(f"{base}_add")).status_code in (200, 403)


def test_every_link_of_the_sidebar_leads_somewhere(staff_client):
    page = staff_client.get("/admin/").content.decode()
    links = {
        link
        for link in re.findall(r'href="(/admin/[^"]*|/api/[^"]*)"', page)
        if "logout" not in link and "?" not in link
    }
    assert len(links) > 8
    for link in links:
        assert staff_client.get(link).status_code in (200, 302, 405), link


def test_staff_see_only_what_they_may(db):
    user = User.objects.create_user("narrow", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_rule"))
    client = Client()
    client.force_login(user)
    page = client.get("/admin/").content.decode()
    assert reverse("admin:alerts_rule_changelist") in page
    assert reverse("admin:core_apikey_changelist") not in page


def test_a_new_key_is_shown_once_and_works(staff_client):
    answer = staff_client.post(
        reverse("admin:core_apikey_add"),
        {"name": "shipper", "scopes": ["ingest"], "tier": "premium"},
        follow=True,
    )
    secret = re.search(r"The key is (\S+)\. Store it now", answer.content.decode())
    assert secret is not None
    verdict = apikeys.verify(secret[1])
    assert verdict is not None
    assert verdict.scopes == {"ingest"}
    again = staff_client.get(reverse("admin:core_apikey_changelist")).content.decode()
    assert secret[1] not in again
    assert "shipper" in again


def test_a_key_is_revoked_from_the_list_and_never_edited(staff_client):
    key, secret = apikeys.create("old", ["read"])
    staff_client.post(
        reverse("admin:core_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]}
    )
    assert ApiKey.objects.get(pk=key.pk).revoked
    assert apikeys.verify(secret) is None
    change = reverse("admin:core_apikey_change", args=[key.pk])
    assert staff_client.get(change).status_code == 200
    assert staff_client.post(change, {"name": "new", "scopes": ["operate"]}).status_code == 403


def test_an_address_that_cannot_be_a_key_is_no_fault(staff_client):
    assert staff_client.get("/admin/core/apikey/%00/change/").status_code == 302
    assert staff_client.get("/admin/core/apikey/nothing/delete/").status_code == 302


def test_a_key_without_a_scope_is_refused(staff_client):
    answer = staff_client.post(reverse("admin:core_apikey_add"), {"name": "empty"})
    assert answer.status_code == 200
    assert not ApiKey.objects.filter(name="empty").exists()


def test_about_tells_which_servers_run_and_what_they_lack(staff_client):
    page = staff_client.get("/admin/about/").content.decode()
    for text in ("PostgreSQL", "Redis", "Pharos", "tm_span", "Partitions", "Retention"):
        assert text in page
