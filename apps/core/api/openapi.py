"""What the kit knows of an endpoint, told to OpenAPI: nobody writes it a second time."""

from http import HTTPStatus
from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from apps.core.api.permissions import permissions_of, required_scope
from apps.core.api.views import Endpoint, ListEndpoint

_JSON: Final = "application/json"
_SECONDS: Final = {
    "schema": {"type": "integer"},
    "description": "Seconds until a retry is worth it.",
}
_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": _SECONDS},
    503: {"Retry-After": _SECONDS},
}


class ErrorSerializer(serializers.Serializer[Any]):
    """The shape of every failure. The kit names the usual ones; a view adds only its own (409)."""

    error = serializers.CharField(help_text="A word for programs, such as invalid_input.")
    message = serializers.CharField(help_text="A sentence for people.")
    details = serializers.DictField(help_text="More data; always holds the path.")
    request_id = serializers.CharField(allow_null=True)


class EndpointSchema(AutoSchema):
    """drf-spectacular's, which also reads what an `Endpoint` declares."""

    def get_override_parameters(self) -> list[Any]:
        """The query of a read."""
        view: Any = self.view
        if self.method != "GET" or not isinstance(view, Endpoint) or view.parameters is None:
            return []
        return [view.parameters] if view.parameters().fields else []

    def _get_parameters(self) -> Any:
        """An empty value is the same as none, as forms send it; a cursor is never empty."""
        found: list[dict[str, Any]] = super()._get_parameters()
        for parameter in found:
            if parameter["in"] == "query" and parameter["name"] != "cursor":
                parameter["allowEmptyValue"] = True
                parameter["schema"].pop("minLength", None)
        return found

    def get_response_serializers(self) -> Any:
        """The page of a list."""
        view: Any = self.view
        if self._is_list():
            return page_of(view.item, view.extra)
        return super().get_response_serializers()

    def get_description(self) -> Any:  # type: ignore[override]
        """What the view says of itself, and whom it lets in."""
        told = super().get_description()
        if self._is_list():
            told = f"{type(self.view).__doc__}\n\n{told}"
        if not isinstance(self.view, Endpoint) or self._is_public():
            return told
        staff = ", ".join(f"`{name}`" for name in permissions_of(self.view, self.method))
        people = f"staff with {staff}" if staff else "staff"
        scope = required_scope(self.view, self.method)
        return f"{told}\n\nFor keys of scope `{scope}` and {people}."

    def get_tags(self) -> list[str]:
        """The area: what follows /admin."""
        words = self._tokenize_path()
        return words[1:2] if words[:1] == ["admin"] else words[:1]

    def get_operation_id(self) -> str:
        """A list is not one thing retrieved."""
        found: str = super().get_operation_id()
        return found.removesuffix("_retrieve") + "_list" if self._is_list() else found

    def map_renderers(self, attribute: str) -> list[Any]:
        """JSON only: what a list can be besides is said where it is (`_get_response_bodies`)."""
        if isinstance(self.view, Endpoint):
            return [_JSON if attribute == "media_type" else "json"]
        found: list[Any] = super().map_renderers(attribute)
        return found

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction != "response":
            return bodies
        if self._is_list():
            content = bodies["200"]["content"]
            for renderer in self.view.renderer_classes:
                content.setdefault(renderer.media_type, {"schema": {"type": "string"}})
        for status in self._failures():
            bodies.setdefault(str(status), self._failure(status))
        return dict(sorted(bodies.items()))

    def _failures(self) -> list[int]:
        known = [400, 406, 429, 503]
        if not self._is_public():
            known += [401, 403]
        if "{" in self.path:
            known.append(404)
        if self.method in ("POST", "PUT", "PATCH"):
            known += [413, 415]
        return known

    def _failure(self, status: int) -> Any:
        error = self.resolve_serializer(ErrorSerializer, "response")
        phrase = HTTPStatus(status).phrase
        body = {"description": phrase, "content": {_JSON: {"schema": error.ref}}}
        if status in _HEADERS:
            body["headers"] = _HEADERS[status]
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=phrase.replace(" ", ""),
            type=ResolvedComponent.RESPONSE,
            schema=body,
            object=status,
        )
        self.registry.register_on_missing(component)
        return component.ref

    def _is_list(self) -> bool:
        return self.method == "GET" and isinstance(self.view, ListEndpoint)

    def _is_public(self) -> bool:
        return AllowAny in self.view.permission_classes


def page_of(
    item: type[serializers.Serializer[Any]], extra: type[serializers.Serializer[Any]] | None = None
) -> Any:
    """The serializer of one page of rows, and of what it tells besides."""
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
            **(extra().get_fields() if extra else {}),
        },
    )  # fmt: skip
