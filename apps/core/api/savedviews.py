"""`/admin/views`: the views a person keeps of pages, and those others share."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.models import SavedView
from apps.core.services import savedviews


class ViewFilter(serializers.Serializer[Any]):
    """Which page."""

    path = serializers.CharField(
        max_length=200, required=False, help_text="The path of one page, as /admin/."
    )


class SavedViewSerializer(serializers.Serializer[Any]):
    """One view."""

    id = serializers.IntegerField()
    path = serializers.CharField(source="page")
    name = serializers.CharField()
    query = serializers.CharField()
    shared = serializers.BooleanField()
    pinned = serializers.BooleanField(help_text="Whether its owner opens the page with it.")
    owner = serializers.CharField(source="owner.username")


class NewViewSerializer(serializers.Serializer[Any]):
    """What to save."""

    path = serializers.CharField(max_length=200, source="page")
    name = serializers.CharField(max_length=80)
    query = serializers.CharField(max_length=2049, allow_blank=True)
    shared = serializers.BooleanField(default=False)
    pinned = serializers.BooleanField(default=False)


class ViewChangeSerializer(serializers.Serializer[Any]):
    """What to change; what is left out stays."""

    name = serializers.CharField(max_length=80, required=False)
    query = serializers.CharField(max_length=2049, allow_blank=True, required=False)
    shared = serializers.BooleanField(required=False)
    pinned = serializers.BooleanField(required=False)


class ViewsView(ListEndpoint):
    """Views of one page, or of all."""

    # Every member of staff has their own.
    required_permissions: ClassVar = {"GET": (), "POST": ()}
    parameters = ViewFilter
    item = SavedViewSerializer
    order: ClassVar[tuple[str, ...]] = ("name", "pk")

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[SavedView]:
        """One's own and the shared ones."""
        return savedviews.visible(_person(request), asked.get("path"))

    @extend_schema(request=NewViewSerializer, responses={201: SavedViewSerializer})
    def post(self, request: Request) -> HttpResponse:
        """Save a view."""
        wish = NewViewSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        view = savedviews.create(_person(request), **wish.validated_data)
        return self.reply(SavedViewSerializer(view).data, status=201)


class ViewView(Endpoint):
    """One view of one's own."""

    required_permissions: ClassVar = {"PATCH": (), "DELETE": ()}

    @extend_schema(request=ViewChangeSerializer, responses=SavedViewSerializer)
    def patch(self, request: Request, view_id: int) -> HttpResponse:
        """Rename it, share it, make it the default."""
        wish = ViewChangeSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        view = savedviews.change(_person(request), view_id, **wish.validated_data)
        return self.reply(SavedViewSerializer(view).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, view_id: int) -> HttpResponse:
        """Delete it."""
        savedviews.delete(_person(request), view_id)
        return HttpResponse(status=204)


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Views belong to people: sign in, a key keeps none.")
    return request.user
