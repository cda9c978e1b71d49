"""The API describes itself, without a warning and without the internet."""

from io import StringIO

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

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


@pytest.mark.parametrize("path", ["/admin/logs/search", "/admin/performance/traces"])
def test_a_search_says_in_the_schema_how_far_it_came(staff_client, path):
    schema = SchemaGenerator().get_schema(public=True)
    content = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    page = schema["components"]["schemas"][name]
    assert {"partial", "searched_to", "items", "next_cursor"} <= set(page["required"])
    assert page["properties"]["partial"]["type"] == "boolean"
    assert page["properties"]["searched_to"]["nullable"] is True
    for query in ({}, {"page": 2}, {"page_size": 1}):
        assert set(staff_client.get(path, query).json()) == set(page["required"])
