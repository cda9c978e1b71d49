"""Every API address there is stands on the kit, says whom it lets in, and keeps the others out."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from apps.core.api.openapi import EndpointSchema
from apps.core.api.views import Endpoint

# Answers everybody; what the unknown may not see is left out.
PUBLIC = {"health/detailed", "health/dependencies"}
SAMPLES = {
    "int": "1", "uuid": "00000000-0000-0000-0000-000000000001", "str": "x", "slug": "x",
    "path": "x",
}  # fmt: skip


def patterns(resolver, prefix=""):
    """(route, pattern) of every address below."""
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route, entry


def view_of(entry):
    return getattr(entry.callback, "cls", getattr(entry.callback, "view_class", None))


ENTRIES = dict(patterns(get_resolver("portal.urls")))
ROUTES = {
    route: view_of(entry)
    for route, entry in ENTRIES.items()
    if isinstance(view_of(entry), type) and issubclass(view_of(entry), APIView)
}


def sample(route):
    """An address this route matches."""
    for name, converter in ENTRIES[route].pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        route = route.replace(
            f"<{kind}:{name}>", SAMPLES["str" if kind == "string" else kind]
        ).replace(f"<str:{name}>", SAMPLES["str"])
    assert "<" not in route
    return f"/{route}"


def test_there_are_routes_to_look_at():
    assert {"admin/monitoring/alerts", "admin/monitoring/metrics", "metrics"} <= ROUTES.keys()


@pytest.mark.parametrize("route", ROUTES)
def test_it_is_an_endpoint_with_declared_rights(route):
    view = ROUTES[route]
    assert issubclass(view, Endpoint)
    assert not route.endswith("/"), "API addresses have no slash at their end."
    methods = {m.upper() for m in view.http_method_names if hasattr(view, m)} - {"HEAD", "OPTIONS"}
    assert methods
    if route.startswith("admin/"):
        # Keys: `read` for safe methods and `operate` for others unless the view says otherwise.
        named = getattr(view, "required_permissions", {})
        assert methods <= set(named), "Every method names Django permissions."
    else:
        named = getattr(view, "required_scopes", {})
        assert methods <= set(named), "Every method names the scope of a key."
    assert (AllowAny in view.permission_classes) == (route in PUBLIC)
    assert isinstance(view.schema, EndpointSchema)


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(set(ROUTES) - PUBLIC))
def test_the_unknown_get_a_401_in_json_and_never_a_login_page(route):
    asked = [("GET", accept) for accept in ("text/html", "text/csv", "*/*")]
    asked += [(method, "application/json") for method in ("GET", "POST", "DELETE", "OPTIONS")]
    client, address = Client(), sample(route)
    for method, accept in asked:
        answer = client.generic(method, address, headers={"Accept": accept})
        assert answer.status_code == 401, (method, accept, answer.content)
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["error"] == "not_authenticated"
        assert not client.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_slash_too_many_is_no_other_way_in(route):
    answer = Client().get(sample(route) + "/", headers={"Accept": "application/json"})
    # The admin has pages of its own at some of these addresses, behind its own door.
    door = answer.headers.get("Location", "").startswith("/admin/login/")
    assert answer.status_code in (401, 404) or door
