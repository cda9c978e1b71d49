"""The views benchmarks/api.py measures: one page of one table, made in three ways."""

from django.db import models
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.views import ListEndpoint


class Row(models.Model):
    """A row of the table that the benchmark makes."""

    at = models.DateTimeField()
    name = models.TextField()
    price = models.DecimalField(max_digits=20, decimal_places=6)
    value = models.FloatField()

    class Meta:
        app_label = "core"
        db_table = "bench_row"
        managed = False


class Plain(APIView):
    """The least a view can do: no serializer, no checks."""

    def get(self, request):
        size = int(request.query_params.get("page_size", 20))
        least = float(request.query_params.get("least", 0))
        rows = list(Row.objects.filter(value__gte=least).order_by("-at", "-pk")[: size + 1])
        return Response(
            {
                "items": [
                    {"id": r.pk, "at": r.at, "name": r.name, "price": r.price, "value": r.value}
                    for r in rows[:size]
                ],
                "page": 1,
                "page_size": size,
                "has_more": len(rows) > size,
            }
        )


class RowModelSerializer(serializers.ModelSerializer):
    """What people write with DRF's generic views."""

    class Meta:
        model = Row
        fields = ("id", "at", "name", "price", "value")


class _Pages(CursorPagination):
    page_size = 20
    ordering = ("-at", "-pk")


class Generic(ListAPIView):
    """DRF's own way, with its keyset pages."""

    serializer_class = RowModelSerializer
    pagination_class = _Pages

    def get_queryset(self):
        return Row.objects.filter(value__gte=float(self.request.query_params.get("least", 0)))


class RowFilter(serializers.Serializer):
    """The parameters of the kit's list."""

    least = serializers.FloatField(default=0)


class RowSerializer(serializers.Serializer):
    """The fields of a row."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    name = serializers.CharField()
    price = serializers.DecimalField(max_digits=20, decimal_places=6)
    value = serializers.FloatField()


class Kit(ListEndpoint):
    """The same list on the kit."""

    parameters = RowFilter
    item = RowSerializer
    order = ("-at", "-pk")
    required_scopes = {"GET": "read"}

    def rows(self, request, asked):  # noqa: ARG002
        return Row.objects.filter(value__gte=asked["least"])


class Kept(Kit):
    """With a known version, and kept."""

    answer_cache_s = 300

    def version(self, request, asked):  # noqa: ARG002
        return 1


urlpatterns = [
    path("plain", Plain.as_view()),
    path("generic", Generic.as_view()),
    path("kit", Kit.as_view()),
    path("kept", Kept.as_view()),
]
