"""OTLP attribute values as JSON types that PostgreSQL can hold."""

import base64
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from apps.monitoring.intake import limits, wire
from apps.monitoring.store.clean import json_bytes
from apps.monitoring.store.rows import Packed

_dumps: Final = orjson.dumps


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


def member(key: str, value: object) -> bytes:
    """One member of a JSON object."""
    return b"%b:%b" % (json_bytes(key), json_bytes(value))


def _varint(raw: bytes) -> int | None:
    """The number that is all of `raw`; None when it ends elsewhere."""
    number = 0
    for place, byte in enumerate(raw, 1):
        number |= (byte & 0x7F) << 7 * (place - 1)
        if byte < 0x80:
            return number if place == len(raw) else None
    return None


class _Members(dict[bytes, bytes]):
    """Encoded KeyValue → its member of a JSON object."""

    def __init__(self, of: "KeyValues") -> None:
        super().__init__()
        self._of = of
        self._keys: dict[bytes, bytes] = {}

    def __missing__(self, raw: bytes) -> bytes:
        made = self._short(raw) or member(*self._of.read(raw))
        if len(raw) <= limits.KEY_BYTES and len(self) < limits.KEY_VALUES_REMEMBERED:
            self[raw] = made
        return made

    def _short(self, raw: bytes) -> bytes | None:
        """A short string or small integer under a short key, straight off the wire; else None.

        Nearly all that are new are one of these: tag 0x0a and length of the key, tag 0x12 and
        length of the AnyValue, in it tag 0x0a and length of a string, or tag 0x18 and a varint,
        and nothing behind.
        """
        size = len(raw)
        if not 6 <= size < 128 or raw[0] != 0x0A or (at := raw[1] + 2) + 4 > size:
            return None
        left = size - at - 2
        if raw[at] != 0x12 or raw[at + 1] != left:
            return None
        try:
            head = raw[2:at]
            key = self._keys.get(head) or self._key(head)
            if raw[at + 2] == 0x0A and raw[at + 3] == left - 2:
                return key + _dumps(clean(raw[at + 4 :].decode()))
        except UnicodeDecodeError:
            # The official class says what is wrong with it.
            return None
        if raw[at + 2] == 0x18 and left <= 4:
            number = _varint(raw[at + 3 :])
            return None if number is None else b"%b%d" % (key, number)
        return None

    def _key(self, head: bytes) -> bytes:
        made = json_bytes(clean(head.decode())) + b":"
        if len(self._keys) < limits.KEY_VALUES_REMEMBERED:
            self._keys[head] = made
        return made


class KeyValues(dict[bytes, tuple[str, Any]]):
    """Encoded KeyValue → (key, value), decoded on first sight. Lives as long as one request.

    Raises google.protobuf.message.DecodeError on bytes that are no KeyValue.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cut = 0
        self.dropped = 0
        self.members = _Members(self)

    def __missing__(self, raw: bytes) -> tuple[str, Any]:
        entry = self.read(raw)
        if len(raw) <= limits.KEY_BYTES and len(self) < limits.KEY_VALUES_REMEMBERED:
            self[raw] = entry
        return entry

    def read(self, raw: bytes) -> tuple[str, Any]:
        """Key and value within their bounds; a cut is counted each time."""
        message = wire.KeyValue.FromString(raw)
        entry = clean(message.key), plain(message.value)
        return self._bounded(*entry, len(raw)) if len(raw) > limits.KEY_BYTES else entry

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

    def packed(self, raws: Any, more: list[bytes]) -> Packed:
        """The same as JSON, made of what is known of each, and `more` members behind them."""
        if len(raws) > limits.ATTRIBUTES:
            self.dropped += len(raws) - limits.ATTRIBUTES
            raws = raws[: limits.ATTRIBUTES]
        members = [*map(self.members.__getitem__, raws), *more]
        return Packed(b"{" + b",".join(members) + b"}")

    def attributes_of(self, messages: Iterable[Any]) -> dict[str, Any]:
        """The same for KeyValue messages that were decoded with their parent."""
        return self.attributes([message.SerializeToString() for message in messages])
