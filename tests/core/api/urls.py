"""Endpoints on the kit, over the tables Django and the portal have anyway."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import Permission, User
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.urls import path
from rest_framework import serializers

from apps.core.api.sources import Reader
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.models import ApiKey
from portal.urls import *  # noqa: F403
from portal.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class PersonFilter(serializers.Serializer):
    staff = serializers.BooleanField(allow_null=True, default=None)
    name = serializers.CharField(default="", allow_blank=True, max_length=100)


class PersonSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(source="username")
    note = serializers.CharField(source="last_name")
    joined = serializers.DateTimeField(source="date_joined")


class People(ListEndpoint):
    """People, newest first."""

    parameters = PersonFilter
    item = PersonSerializer
    order = ("-date_joined", "-pk")
    required_permissions = {"GET": "auth.view_user"}

    def rows(self, request, asked):
        found = User.objects.filter(username__contains=asked["name"])
        return found if asked["staff"] is None else found.filter(is_staff=asked["staff"])


class Mixed(People):
    """Ascending, then descending, then a column that may be null made one that may not."""

    order = ("is_staff", "-seen", "pk")

    def rows(self, request, asked):
        return super().rows(request, asked).annotate(seen=Coalesce("last_login", Value(T0)))


class Tied(People):
    order = ("-date_joined",)


class Nullable(People):
    order = ("last_login", "pk")


class Names(ListEndpoint):
    """Right names through a relation, from dictionaries."""

    class item(serializers.Serializer):  # noqa: N801
        codename = serializers.CharField()
        app = serializers.CharField(source="content_type__app_label")

    order = ("content_type__app_label", "codename", "pk")

    def rows(self, request, asked):
        return Permission.objects.values("pk", "codename", "content_type__app_label")


class NumberSerializer(serializers.Serializer):
    n = serializers.IntegerField()
    at = serializers.DateTimeField()
    price = serializers.DecimalField(max_digits=30, decimal_places=10)
    text = serializers.CharField()


class NumberFilter(serializers.Serializer):
    most = serializers.IntegerField(default=250, min_value=0, max_value=1_000_000)
    breaks_at = serializers.IntegerField(default=-1)


def _number(n):
    return {
        "n": n,
        "at": T0 + timedelta(seconds=n),
        "price": Decimal("12345678901234567890.0123456789"),
        "text": f"=cmd|{n}",
    }


class Numbers(ListEndpoint):
    """Rows of a plain reader."""

    parameters = NumberFilter
    item = NumberSerializer
    export_rows = 5_000

    def rows(self, request, asked):
        def read(after, limit):
            start = 0 if after is None else after[1] + 1
            rows = range(start, min(asked["most"], start + limit))
            if asked["breaks_at"] in rows:
                raise ValueError("secret internals")
            return [_number(n) for n in rows]

        return Reader(read, lambda row: (row["at"], row["n"]))


class Versioned(Endpoint):
    """Known versions; counts how often its body is built."""

    built = 0
    at: "datetime | str | None" = None

    def version(self, request, asked):
        return Versioned.at

    def get(self, request):
        Versioned.built += 1
        return self.reply({"built": Versioned.built, "who": request.user.get_username()})


class Kept(Endpoint):
    """An answer that may be old."""

    built = 0
    answer_cache_s = 300

    class parameters(serializers.Serializer):  # noqa: N801
        category = serializers.CharField(default="all")

    def get(self, request):
        Kept.built += 1
        if self.asked(request)["category"] == "bad":
            return self.reply({"bad": True}, status=409)
        return self.reply({"built": Kept.built, **self.asked(request)})


class Values(Endpoint):
    """Every kind of value."""

    value = None

    def get(self, request):
        return self.reply({"value": Values.value})


class Keys(ListEndpoint):
    """API keys: reaches SQL with whatever number the caller sent."""

    class parameters(serializers.Serializer):  # noqa: N801
        offset = serializers.IntegerField(default=0)

    class item(serializers.Serializer):  # noqa: N801
        name = serializers.CharField()

    order = ("id",)

    def rows(self, request, asked):
        return ApiKey.objects.extra(where=["length(name) + %s::int > 0"], params=[asked["offset"]])


UNKNOWN = UUID(int=7)

urlpatterns = [
    path("kit/people", People.as_view(), name="kit-people"),
    path("kit/mixed", Mixed.as_view()),
    path("kit/tied", Tied.as_view()),
    path("kit/nullable", Nullable.as_view()),
    path("kit/names", Names.as_view()),
    path("kit/numbers", Numbers.as_view(), name="kit/../Zahlen\r\n"),
    path("kit/versioned", Versioned.as_view()),
    path("kit/kept", Kept.as_view()),
    path("kit/values", Values.as_view()),
    path("kit/keys", Keys.as_view()),
    *urlpatterns,
]
