"""Rows made into JSON-ready mappings, as an item serializer declares them and much faster.

DRF asks every field of every row how to show itself. Most fields show what is there, and the
renderer knows what a time, a decimal or a UUID looks like; so the fields of a serializer are read
once and each row costs one `attrgetter`. Fields with a will of their own are still asked.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, Final

from rest_framework import serializers
from rest_framework.fields import SkipField

from apps.core.api.renderers import in_utc

Shape = Callable[[Any], dict[str, Any]]
ItemSerializer = type[serializers.Serializer[Any]]
_Show = Callable[[Any], Any]
# Fields whose value the renderer writes just as DRF would.
_AS_IT_IS: Final = frozenset(
    {
        serializers.BooleanField, serializers.CharField, serializers.ChoiceField,
        serializers.DateField, serializers.DictField,
        serializers.EmailField, serializers.FloatField, serializers.IntegerField,
        serializers.JSONField, serializers.ReadOnlyField, serializers.RegexField,
        serializers.SlugField, serializers.URLField, serializers.UUIDField,
    }
)  # fmt: skip


def names(item: ItemSerializer) -> list[str]:
    """The fields of a row, in order."""
    return list(_shown(item))


def shape_of(item: ItemSerializer, row: Any) -> Shape:
    """The function that shows rows like this one: mappings by key, others by attribute."""
    kind: Any = type(row)
    shape: Shape = _shape(item, kind)
    return shape


@functools.cache
def _shape(item: Any, row: Any) -> Shape:
    fields = _shown(item)
    read = {name: field for name, field in fields.items() if _is_read(field)}
    own = {name: field for name, field in fields.items() if name not in read}
    get = _getter([field.source_attrs for field in read.values()], mapping=issubclass(row, Mapping))
    keys = list(read)
    converted = [(name, show) for name, field in read.items() if (show := _show(field))]

    def make(value: Any) -> dict[str, Any]:
        shown = dict(zip(keys, get(value), strict=True))
        for name, show in converted:
            if shown[name] is not None:
                shown[name] = show(shown[name])
        return shown

    if not own:
        return make

    def make_all(value: Any) -> dict[str, Any]:
        shown = make(value)
        for name, field in own.items():
            try:
                found = field.get_attribute(value)
            except SkipField:
                continue
            shown[name] = None if found is None else field.to_representation(found)
        return {name: shown[name] for name in fields if name in shown}

    return make_all


@functools.cache
def _shown(item: Any) -> dict[str, Any]:
    return {name: field for name, field in item().fields.items() if not field.write_only}


def _is_read(field: Any) -> bool:
    """Whether its value is an attribute that is always there; a method field's is not."""
    return bool(field.source != "*" and (field.required or field.read_only))


def _getter(paths: list[list[str]], *, mapping: bool) -> Callable[[Any], tuple[Any, ...]]:
    if mapping and any(len(path) > 1 for path in paths):
        raise TypeError("A field of a mapping cannot have a dotted source.")
    words = [".".join(path) for path in paths]
    if len(words) > 1:
        return itemgetter(*words) if mapping else attrgetter(*words)
    # Getters of one thing give it bare.
    one: Callable[[Any], Any] = (itemgetter if mapping else attrgetter)(words[0]) if words else id
    return (lambda value: (one(value),)) if words else (lambda _value: ())


def _show(field: Any) -> _Show | None:
    """How a value of this field is shown; None for as it is."""
    if not getattr(field, "format", None):
        if type(field) is serializers.DateTimeField:
            # A reader may have made text of it already.
            return lambda value: in_utc(value) if isinstance(value, datetime) else value
        if type(field) in _AS_IT_IS:
            return None
    if isinstance(field, serializers.ListSerializer):
        show_one = _nested(type(field.child))
        return lambda rows: [show_one(row) for row in rows]
    if isinstance(field, serializers.Serializer):
        return _nested(type(field))
    if type(field) is serializers.ListField:
        inner = _show(field.child)
        return None if inner is None else (lambda parts: [inner(part) for part in parts])
    show: _Show = field.to_representation
    return show


def _nested(item: Any) -> _Show:
    return lambda row: shape_of(item, row)(row)
