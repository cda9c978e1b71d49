"""The audit trail by API."""

from typing import Any, ClassVar, Final

from django.db import connection
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.views import ListEndpoint
from apps.core.models import AuditEntry

# The newest ids as a sum, not their highest: of two entries made at once the one with the lower id
# may be committed last. The oldest id tells what retention took away.
_STATE: Final = """
SELECT (SELECT min(id) FROM core_auditentry), sum(id)
FROM (SELECT id FROM core_auditentry ORDER BY id DESC LIMIT 1000) newest
"""


class AuditFilterSerializer(serializers.Serializer[Any]):
    """Which entries; each filter wants the whole word."""

    actor = serializers.CharField(required=False, max_length=255, help_text="Who: a username, key:<name>, console:<user>, system.")  # fmt: skip  # noqa: E501
    action = serializers.CharField(
        required=False, max_length=64, help_text="What, such as apikey.create or login.failure."
    )
    target = serializers.CharField(required=False, max_length=255, help_text="Which one.")


class AuditEntrySerializer(serializers.Serializer[Any]):
    """One change; secrets are masked. `before` is null for what was made, `after` for what went."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    target = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    request_id = serializers.CharField()
    remote_address = serializers.CharField(allow_null=True)


class AuditView(ListEndpoint):
    """Who changed what, newest first."""

    parameters = AuditFilterSerializer
    item = AuditEntrySerializer
    order = ("-at", "-id")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "core.view_auditentry"}

    def version(self, request: Request, asked: dict[str, Any]) -> str:  # noqa: ARG002
        """Entries are only ever added, and taken away at the far end."""
        with connection.cursor() as cursor:
            cursor.execute(_STATE)
            return "{}:{}".format(*cursor.fetchone())

    def rows(self, request: Request, asked: dict[str, Any]) -> "QuerySet[AuditEntry]":  # noqa: ARG002
        """The entries that match all filters."""
        wanted = {name: asked[name] for name in ("actor", "action", "target") if name in asked}
        return AuditEntry.objects.filter(**wanted)
