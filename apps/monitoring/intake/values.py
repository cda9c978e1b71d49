"""OTLP attribute values as JSON types that PostgreSQL can hold."""

import base64
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from apps.monitoring.intake import limits, wire


def clean(text: str) -> str:
    """`text` without NUL, which neither `text` nor `jsonb` of PostgreSQL can hold."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def cut(text: str, limit_bytes: int) -> tuple[str, bool]:
    """`text` cut to at most `limit_bytes` of UTF-8, and whether anything was lost."""
    if len(text) * 4 <= limit_bytes:
        return text, False
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text, False
    return encoded[:limit_bytes].decode(errors="ignore"), True


def number(value: float) -> float | str:
    """A float, or its OTLP/JSON spelling where JSON has no number for it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def plain(value: Any) -> Any:
    """An AnyValue message as JSON types: bytes become base64, unset becomes None."""
    convert = _PLAIN.get(value.WhichOneof("value"))
    return convert(value) if convert else None


_PLAIN: Final[dict[str | None, Callable[[Any], Any]]] = {
    "string_value": lambda value: clean(value.string_value),
    "int_value": lambda value: value.int_value,
    "bool_value": lambda value: value.bool_value,
    "double_value": lambda value: number(value.double_value),
    "array_value": lambda value: [plain(item) for item in value.array_value.values],
    "kvlist_value": lambda value: {
        clean(item.key): plain(item.value) for item in value.kvlist_value.values
    },
    "bytes_value": lambda value: base64.b64encode(value.bytes_value).decode(),
}


def as_text(value: Any) -> str:
    """A log body: strings as they are, anything else as JSON text, nothing as ""."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


class KeyValues(dict[bytes, tuple[str, Any]]):
    """Encoded KeyValue → (key, value), decoded on first sight. Lives as long as one request.

    Raises google.protobuf.message.DecodeError on bytes that are no KeyValue.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cut = 0
        self.dropped = 0

    def __missing__(self, raw: bytes) -> tuple[str, Any]:
        message = wire.KeyValue.FromString(raw)
        entry = clean(message.key), plain(message.value)
        if len(raw) > limits.KEY_BYTES:
            return self._bounded(*entry, len(raw))
        if len(self) < limits.KEY_VALUES_REMEMBERED:
            self[raw] = entry
        return entry

    def _bounded(self, key: str, value: Any, encoded_bytes: int) -> tuple[str, Any]:
        key, key_cut = cut(key, limits.KEY_BYTES)
        limit = limits.STACKTRACE_BYTES if key == "exception.stacktrace" else limits.VALUE_BYTES
        value_cut = False
        if isinstance(value, str):
            value, value_cut = cut(value, limit)
        elif encoded_bytes > limit + limits.KEY_BYTES:
            value, value_cut = cut(as_text(value), limit)
        self.cut += key_cut + value_cut
        return key, value

    def attributes(self, raws: Any) -> dict[str, Any]:
        """The attributes of one item; a repeated key keeps its last value."""
        if len(raws) > limits.ATTRIBUTES:
            self.dropped += len(raws) - limits.ATTRIBUTES
            raws = raws[: limits.ATTRIBUTES]
        return dict(map(self.__getitem__, raws))

    def attributes_of(self, messages: Iterable[Any]) -> dict[str, Any]:
        """The same for KeyValue messages that were decoded with their parent."""
        return self.attributes([message.SerializeToString() for message in messages])
