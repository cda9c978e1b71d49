"""Turning what senders send into what PostgreSQL takes: text without NUL, JSON without NaN."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS
_DEEPEST: Final = 64
_NUL: Final = b"\\u0000"


def json_bytes(value: object) -> bytes:
    """`value` as JSON that jsonb takes. NaN and infinities become null, NUL becomes U+FFFD."""
    try:
        packed = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, RecursionError):
        return orjson.dumps(plain(value), option=_OPTIONS)
    if _NUL in packed:
        return orjson.dumps(plain(value), option=_OPTIONS)
    return packed


def text(value: str) -> str:
    """`value` without NUL and lone surrogates; each becomes U+FFFD."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def text_bytes(value: str) -> bytes:
    """`text(value)` in UTF-8."""
    try:
        packed = value.encode()
    except UnicodeEncodeError:
        packed = text(value).encode()
    return packed.replace(b"\0", "\ufffd".encode()) if b"\0" in packed else packed


def plain(value: object, depth: int = 0) -> Any:
    """`value` in types every JSON reader takes, text clean, 64 levels deep at most."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool | int | float):
        # Beyond 64 bits JSON readers disagree; the digits survive as text.
        wide = isinstance(value, int) and not -(2**63) <= value < 2**64
        return str(value) if wide else value
    if depth >= _DEEPEST:
        return "(nested too deep)"
    if isinstance(value, Mapping):
        return {text(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    return value.hex() if isinstance(value, bytes) else text(str(value))
