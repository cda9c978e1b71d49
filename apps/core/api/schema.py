"""How the API describes itself: OpenAPI by drf-spectacular."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework import serializers

from apps.core.api.permissions import HasScope


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
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class ErrorSerializer(serializers.Serializer[Any]):
    """The shape of every failure, for `@extend_schema(responses={404: ErrorSerializer})`."""

    error = serializers.CharField(help_text="A word for programs, such as invalid_input.")
    message = serializers.CharField(help_text="A sentence for people.")
    details = serializers.DictField(help_text="More data; always holds the path.")
    request_id = serializers.CharField(allow_null=True)


class SchemaView(SpectacularAPIView):
    """The OpenAPI document."""

    permission_classes = [HasScope]


class DocsView(SpectacularSwaggerView):
    """The OpenAPI document as a page that works without the internet."""

    permission_classes = [HasScope]
    url_name = "api-schema"
