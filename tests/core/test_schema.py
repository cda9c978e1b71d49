"""The API describes itself, without a warning and without the internet."""

from io import StringIO

import pytest
from django.core.management import call_command

from apps.core.services import apikeys

pytestmark = pytest.mark.django_db


def test_the_schema_is_made_without_a_warning():
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    for path in ("/health/detailed:", "/health/dependencies:"):
        assert path in out.getvalue()


def test_the_schema_and_its_page_are_for_staff_and_keys(client, staff_client):
    _, secret = apikeys.create("one", ["read"])
    for path in ("/api/schema", "/api/docs"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert staff_client.get(path).status_code == 200


def test_the_page_loads_nothing_from_elsewhere(staff_client):
    page = staff_client.get("/api/docs").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "https://" not in page
