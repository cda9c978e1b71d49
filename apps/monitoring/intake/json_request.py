"""OTLP/JSON → the same message in protobuf, so that both encodings share one way to rows.

The rules differ from proto3 JSON: trace and span ids are hex, enums are integers only, names are
lowerCamelCase only, unknown names are ignored.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor as Field

from apps.monitoring.intake import limits
from apps.monitoring.intake.decoding import MalformedError

_HEX_IDS = {"trace_id", "span_id", "parent_span_id"}
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_RANGES = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
    Field.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}
Convert = Callable[[Any, int], Any]
_plans: dict[str, dict[str, tuple[str, Convert]]] = {}


def to_protobuf(body: bytes, message_class: Any) -> bytes:
    """`body` re-encoded as `message_class`. Raises MalformedError with the reason."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"The body is not JSON: {error}") from None
    fields = _message(message_class.DESCRIPTOR)(document, 0)
    try:
        encoded: bytes = message_class(**fields).SerializeToString()
    except (ValueError, TypeError) as error:
        raise MalformedError(f"The body is not an OTLP message: {error}") from None
    return encoded


def _message(descriptor: Any) -> Convert:
    """A converter of JSON objects to the keyword arguments of a message class."""
    plan = _plan(descriptor)

    def convert(value: Any, depth: int) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise MalformedError(f"{descriptor.name} must be an object.")
        if depth > limits.JSON_DEPTH:
            raise MalformedError("Values are nested too deep.")
        fields = {}
        for key, item in value.items():
            known = plan.get(key)
            if known is not None and item is not None:
                fields[known[0]] = known[1](item, depth + 1)
        return fields

    return convert


def _plan(descriptor: Any) -> dict[str, tuple[str, Convert]]:
    plan = _plans.get(descriptor.full_name)
    if plan is None:
        # Registered before it is filled: AnyValue holds itself.
        plan = _plans[descriptor.full_name] = {}
        for field in descriptor.fields:
            one = _single(field)
            plan[field.json_name] = (field.name, _list(field, one) if field.is_repeated else one)
    return plan


def _list(field: Any, one: Convert) -> Convert:
    def convert(value: Any, depth: int) -> list[Any]:
        if not isinstance(value, list):
            raise MalformedError(f"{field.json_name} must be a list.")
        return [one(item, depth) for item in value]

    return convert


def _single(field: Any) -> Convert:
    kind = field.cpp_type
    if kind == Field.CPPTYPE_MESSAGE:
        return _message(field.message_type)
    if field.type == Field.TYPE_BYTES:
        return _hex_id(field) if field.name in _HEX_IDS else _base64(field)
    if kind in {Field.CPPTYPE_STRING, Field.CPPTYPE_BOOL}:
        return _exactly(field, str if kind == Field.CPPTYPE_STRING else bool)
    if kind in {Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT}:
        return _double(field)
    return _integer(field)


def _exactly(field: Any, kind: type) -> Convert:
    def convert(value: Any, _depth: int) -> Any:
        if not isinstance(value, kind):
            raise MalformedError(f"{field.json_name} must be a {kind.__name__}.")
        return value

    return convert


def _hex_id(field: Any) -> Convert:
    def convert(value: Any, _depth: int) -> bytes:
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise MalformedError(f"{field.json_name} must be hex digits.")
        return bytes.fromhex(value)

    return convert


def _base64(field: Any) -> Convert:
    def convert(value: Any, _depth: int) -> bytes:
        try:
            # Both alphabets, with or without padding, as proto3 JSON asks of readers.
            text = value.translate(_STANDARD).rstrip("=")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (AttributeError, binascii.Error, ValueError):
            raise MalformedError(f"{field.json_name} must be base64.") from None

    return convert


_STANDARD = str.maketrans("-_", "+/")


def _double(field: Any) -> Convert:
    def convert(value: Any, _depth: int) -> float:
        if isinstance(value, str):
            special = _SPECIAL.get(value)
            if special is not None:
                return special
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise MalformedError(f"{field.json_name} must be a number.")
        try:
            return float(value)
        except (ValueError, OverflowError):
            raise MalformedError(f"{field.json_name} must be a number.") from None

    return convert


def _integer(field: Any) -> Convert:
    low, high = _RANGES[field.cpp_type]
    # Enum names are not allowed in OTLP/JSON, so neither are numbers as text.
    text_allowed = field.cpp_type != Field.CPPTYPE_ENUM

    def convert(value: Any, _depth: int) -> int:
        is_text = isinstance(value, str) and text_allowed and _INTEGER.fullmatch(value)
        if is_text or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise MalformedError(f"{field.json_name} must be an integer of {low} to {high}.")
        return value

    return convert
