"""Where a page ended, in a word that callers pass back and cannot make up.

A cursor holds the key of the last row and a MAC over it, the address and the filters: one that was
altered, cut, or taken from another list or another filter is refused.
"""

import base64
import binascii
import datetime
import functools
import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.core.errors import InvalidInputError

Key = tuple[Any, ...]
# Room for two names of 255 characters, each of four bytes.
LONGEST: Final = 3000
_MAC_BYTES: Final = 16
_UUID, _DECIMAL, _DATE, _NAIVE = 1, 2, 3, 4
_MEND: Final = (
    "This cursor is not one of this list with these filters. Pass `next_cursor` as it was given, "
    "or leave `cursor` out to begin anew."
)


def seal(key: Key, bound_to: bytes) -> str:
    """The cursor after the row with this key, in the list that `bound_to` names.

    Raises ImproperlyConfigured for a key longer than an address can carry.
    """
    packed = _encoder.encode([_packed(value) for value in key])
    cursor = base64.urlsafe_b64encode(_mac(packed, bound_to) + packed).rstrip(b"=").decode()
    if len(cursor) > LONGEST:
        raise ImproperlyConfigured("A list is ordered by texts too long for its cursor.")
    return cursor


def unseal(cursor: str, bound_to: bytes) -> Key:
    """The key inside. Raises InvalidInputError for anything that `seal` did not make for this."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError("too long")
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
            raise ValueError("not in its one spelling")
    except (ValueError, binascii.Error):
        raise InvalidInputError(_MEND, {"parameter": "cursor"}) from None
    mac, packed = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(packed, bound_to)):
        raise InvalidInputError(_MEND, {"parameter": "cursor"})
    return tuple(_decoder.decode(packed))


def _mac(packed: bytes, bound_to: bytes) -> bytes:
    secret = _secret(settings.SECRET_KEY)
    # The length keeps the two apart: no byte may move from one to the other.
    text = len(bound_to).to_bytes(8) + bound_to + packed
    return hashlib.blake2b(text, key=secret, digest_size=_MAC_BYTES, person=b"cursor").digest()


@functools.lru_cache(maxsize=4)
def _secret(key: str) -> bytes:
    return hashlib.sha256(b"apps.core.api.cursors" + key.encode()).digest()


def _packed(value: Any) -> Any:
    """What MessagePack has no type for, as an extension; all else as it is."""
    if isinstance(value, UUID):
        return msgspec.msgpack.Ext(_UUID, value.bytes)
    if isinstance(value, Decimal):
        return msgspec.msgpack.Ext(_DECIMAL, str(value).encode())
    if isinstance(value, datetime.datetime):
        # An aware time is a type of MessagePack; in other zones than UTC it keeps its moment.
        aware = value.tzinfo is not None
        return value if aware else msgspec.msgpack.Ext(_NAIVE, value.isoformat().encode())
    if isinstance(value, datetime.date):
        return msgspec.msgpack.Ext(_DATE, value.isoformat().encode())
    if isinstance(value, str | int | float | bytes):
        return value
    raise TypeError(f"{type(value).__name__} cannot be in the key of a list.")


def _unpacked(code: int, data: memoryview) -> Any:
    if code == _UUID:
        return UUID(bytes=bytes(data))
    return _READERS[code](bytes(data).decode())


_READERS: Final[dict[int, Callable[[str], Any]]] = {
    _DECIMAL: Decimal,
    _DATE: datetime.date.fromisoformat,
    _NAIVE: datetime.datetime.fromisoformat,
}
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_unpacked)
