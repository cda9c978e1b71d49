"""What the kit knows of an endpoint, told to OpenAPI: nobody writes it a second time."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from apps.core.api.views import Endpoint, ListEndpoint


class EndpointSchema(AutoSchema):
    """drf-spectacular's, which also reads `parameters` and `item`."""

    def get_override_parameters(self) -> list[Any]:
        """The query of a read."""
        view: Any = self.view
        if self.method != "GET" or not isinstance(view, Endpoint) or view.parameters is None:
            return []
        return [view.parameters]

    def get_response_serializers(self) -> Any:
        """The page of a list."""
        view: Any = self.view
        if self.method == "GET" and isinstance(view, ListEndpoint):
            return page_of(view.item)
        return super().get_response_serializers()


def page_of(item: type[serializers.Serializer[Any]]) -> Any:
    """The serializer of one page of rows."""
    name = item.__name__.removesuffix("Serializer")
    total_help = "Asked for with `total`; null otherwise and where it cannot be told."
    return inline_serializer(
        f"{name}PageSerializer",
        {
            "items": item(many=True),
            "page": serializers.IntegerField(allow_null=True, help_text="null after a cursor."),
            "page_size": serializers.IntegerField(),
            "has_more": serializers.BooleanField(),
            "next_cursor": serializers.CharField(
                allow_null=True, help_text="Pass it as `cursor` for the next page."
            ),
            "total": serializers.IntegerField(allow_null=True, help_text=total_help),
            "total_is": serializers.ChoiceField(
                ["exact", "at_least", "estimate"], allow_null=True,
                help_text="What `total` is: at_least where counting stopped at its limit.",
            ),
        },
    )  # fmt: skip
