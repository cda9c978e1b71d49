"""What the cache holds: plain values in MessagePack, never pickles.

Redis may be written to by others, and to read a pickle is to run it.
"""

from typing import Any

import msgspec
from django.utils.functional import Promise
from django_redis.serializers.base import BaseSerializer


def _plain(value: Any) -> Any:
    # The skin keeps what its palette found, titles not yet translated among it.
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"The cache holds plain values, and no {type(value).__name__}.")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


class PlainSerializer(BaseSerializer):  # type: ignore[misc]
    """Texts, bytes, numbers, times, lists and mappings; a tuple comes back as a list."""

    def dumps(self, value: Any) -> bytes:
        """The value's bytes. Raises TypeError for what is not plain."""
        return _encode(value)

    def loads(self, value: bytes) -> Any:
        """The value again; None, as if it were not there, for what was not written by `dumps`."""
        try:
            return msgspec.msgpack.decode(value)
        except msgspec.DecodeError:
            return None
