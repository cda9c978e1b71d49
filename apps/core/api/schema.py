"""How the API describes itself: OpenAPI by drf-spectacular."""

import functools
import hashlib
from typing import Any, ClassVar, cast

import orjson
from django.conf import settings
from django.utils.translation import get_language
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.openapi import ErrorSerializer
from apps.core.api.permissions import HasScope
from apps.core.api.views import Endpoint

__all__ = ["BearerKeyScheme", "DocsView", "ErrorSerializer", "SchemaView", "StaffSessionScheme"]


class BearerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer`."""

    target_class = "apps.core.api.authentication.BearerKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> Any:  # noqa: ARG002 (library's signature)
        """The scheme as OpenAPI writes it."""
        return build_bearer_security_scheme_object("Authorization", "Bearer")


class StaffSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The admin's session cookie."""

    target_class = "apps.core.api.authentication.StaffSessionAuthentication"
    name = "staffSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """The scheme as OpenAPI writes it."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class SchemaParameters(serializers.Serializer[Any]):
    """Query parameters of the document."""

    lang = serializers.ChoiceField(settings.LANGUAGES, required=False)
    format = serializers.ChoiceField(["openapi", "openapi-json"], required=False)


class SchemaView(SpectacularAPIView, Endpoint):
    """The OpenAPI document."""

    parameters = SchemaParameters
    permission_classes = [HasScope]
    required_scopes: ClassVar = {"GET": "read"}
    personal = False

    def version(self, request: Request, asked: dict[str, Any]) -> str:  # noqa: ARG002
        """The document's own hash: it takes long to write and changes only with the code."""
        return _digest(get_language() or "")


@functools.lru_cache(maxsize=8)
def _digest(language: str) -> str:  # noqa: ARG001 (the generator reads it from the context)
    document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return hashlib.sha256(orjson.dumps(document, default=str)).hexdigest()


class DocsView(SpectacularSwaggerSplitView, Endpoint):
    """The OpenAPI document as a page that works without the internet and without inline script."""

    # The page asks itself for parts, by parameters of its own.
    parameters = None
    permission_classes = [HasScope]
    required_scopes: ClassVar = {"GET": "read"}
    url_name = "api-schema"

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Swagger UI draws its arrows and locks as `data:` images."""
        answer: Any = super().finalize_response(request, response, *args, **kwargs)
        answer._csp_update = {"img-src": ["'self'", "data:"]}
        return cast(Response, answer)
