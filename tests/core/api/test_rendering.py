"""JSON loses nothing: times, decimals, numbers of any size, and what is not a number at all."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import numpy
import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from apps.core.api.renderers import dumps
from apps.core.api.shapes import shape_of

MOMENT = datetime(2026, 11, 25, 13, 0, 0, 123456, tzinfo=UTC)
SEOUL = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (MOMENT, "2026-11-25T13:00:00.123456Z"),
        (MOMENT.astimezone(SEOUL), "2026-11-25T22:00:00.123456+09:00"),
        (MOMENT.replace(tzinfo=None), "2026-11-25T13:00:00.123456Z"),
        (MOMENT.date(), "2026-11-25"),
        (Decimal("0.1000000000000000000000001"), "0.1000000000000000000000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), None),
        (float("inf"), None),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (numpy.float64(1.5), 1.5),
        (numpy.array([1, 2]), [1, 2]),
        (numpy.int64(7), 7),
        (numpy.array([MOMENT.replace(tzinfo=None)], dtype="datetime64[us]").tolist(),
         ["2026-11-25T13:00:00.123456Z"]),
        (timedelta(milliseconds=1500), 1.5),
        (gettext_lazy("Web"), "Web"),
        ({1: 2}, {"1": 2}),
        ({"a"}, ["a"]),
        (2**70, 2**70),
        ([2**70, MOMENT, Decimal("1.10"), None, {"k": 2**64}],
         [2**70, "2026-11-25T13:00:00.123456Z", "1.10", None, {"k": 2**64}]),
        ("\ud800", "\ud800"),
    ],
)  # fmt: skip
def test_a_value_is_written_without_loss(value, written):
    assert json.loads(dumps({"value": value})) == {"value": written}


def test_what_has_no_json_form_is_refused():
    for value in (object(), b"bytes", {"a": 2**70, "b": object()}):
        with pytest.raises(TypeError):
            dumps(value)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
))  # fmt: skip
def test_json_comes_back_as_it_went(value):
    assert json.loads(dumps(value)) == value


class Inner(serializers.Serializer):
    at = serializers.DateTimeField()


class Row(serializers.Serializer):
    one = serializers.CharField()
    at = serializers.DateTimeField(source="inner.at")
    inner = Inner()
    many = Inner(many=True)
    words = serializers.ListField(child=serializers.CharField())
    double = serializers.SerializerMethodField()
    maybe = serializers.CharField(required=False)
    hidden = serializers.CharField(write_only=True)
    day = serializers.DateField(format="%d.%m.%Y")

    def get_double(self, row):
        return row.one * 2


@dataclass
class Holder:
    at: datetime | None


@dataclass
class Thing:
    one: str
    inner: Holder
    many: list[Holder]
    words: list[str]
    day: object


def test_a_shape_shows_what_the_serializer_would():
    inner = Holder(MOMENT.astimezone(SEOUL))
    thing = Thing("a", inner, [inner, Holder(None)], ["x"], MOMENT.date())
    shown = shape_of(Row, thing)(thing)
    assert json.loads(dumps(shown)) == json.loads(json.dumps(Row(thing).data, default=str))
    assert list(shown) == ["one", "at", "inner", "many", "words", "double", "day"]


def test_a_shape_of_one_field_and_of_none_works_too():
    class Empty(serializers.Serializer):
        pass

    assert shape_of(Inner, {"at": 1})({"at": 1}) == {"at": 1}
    assert shape_of(Inner, Holder(None))(Holder(None)) == {"at": None}
    assert shape_of(Empty, Holder(None))(Holder(None)) == {}
