"""The notification log: every message, every attempt, every receipt."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.alerts import notificationlog
from apps.alerts.api.notification_shapes import (
    NotificationFilterSerializer,
    NotificationSerializer,
    OneNotificationSerializer,
)
from apps.alerts.models import Notification
from apps.alerts.services import outbox
from apps.core.api.openapi import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import NotFoundError


class NotificationsView(ListEndpoint):
    """Messages, newest first."""

    parameters = NotificationFilterSerializer
    item = NotificationSerializer
    order = ("-created_at", "-pk")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_notification"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Notification]:  # noqa: ARG002
        """Those that match every filter."""
        return notificationlog.log(**{name: asked[name] for name in notificationlog.FILTERS})


class NotificationView(Endpoint):
    """One message."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "alerts.view_notification"}

    @extend_schema(responses={200: OneNotificationSerializer, 404: ErrorSerializer})
    def get(self, request: Request, pk: int) -> HttpResponse:  # noqa: ARG002
        """With every attempt and receipt."""
        return self.reply(OneNotificationSerializer(_found(pk)).data)


class ResendView(Endpoint):
    """Send a finished message once more."""

    required_scopes: ClassVar = {"POST": "operate"}
    required_permissions: ClassVar = {"POST": "alerts.change_notification"}

    @extend_schema(
        request=None,
        responses={
            200: OneNotificationSerializer, 404: ErrorSerializer, 409: ErrorSerializer,
        },
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> HttpResponse:  # noqa: ARG002
        """Marked as a repeat; 409 while it is still on its way."""
        outbox.resend(_found(pk))
        return self.reply(OneNotificationSerializer(_found(pk)).data)


def _found(pk: int) -> Notification:
    row = notificationlog.log().filter(pk=pk).first()
    if row is None:
        raise NotFoundError("There is no such notification.")
    return row
