"""A message on its way through Redis: versioned, signed, bounded.

`version (20 digits) | signature | digest of the data | length of brief | brief | full`. Redis may
be written to by others: what is not signed for this key is not looked at.
"""

import hmac
import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from apps.core.live.messages import DIGEST_BYTES, Message

VERSION_DIGITS: Final = 20
MOST_BYTES: Final = 2 * 1024 * 1024
_SIGNATURE_BYTES: Final = 32
_HEAD: Final = VERSION_DIGITS + _SIGNATURE_BYTES
_BODY: Final = struct.Struct(f">{DIGEST_BYTES}sI")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message and the moment its computing began, in microseconds on the clock of Redis."""

    version: int
    message: Message


def pack(secret: bytes, key: str, stored: Stored) -> bytes | None:
    """The bytes to store; None when they would be more than `MOST_BYTES`."""
    message = stored.message
    body = _BODY.pack(message.digest, len(message.brief)) + message.brief + message.full
    if _HEAD + len(body) > MOST_BYTES:
        return None
    version = digits(stored.version)
    return version + _signature(secret, key, version, body) + body


def unpack(secret: bytes, key: str, raw: object) -> Stored | None:
    """What was packed with the same secret for the same key; None for anything else."""
    if not isinstance(raw, bytes) or not _HEAD + _BODY.size <= len(raw) <= MOST_BYTES:
        return None
    version, body = raw[:VERSION_DIGITS], raw[_HEAD:]
    if not hmac.compare_digest(raw[VERSION_DIGITS:_HEAD], _signature(secret, key, version, body)):
        return None
    digest, brief_bytes = _BODY.unpack_from(body)
    brief_end = _BODY.size + brief_bytes
    return Stored(int(version), Message(body[brief_end:], body[_BODY.size : brief_end], digest))


def digits(version: int) -> bytes:
    """A version as text that sorts like the number."""
    return b"%0*d" % (VERSION_DIGITS, version)


def _signature(secret: bytes, key: str, version: bytes, body: bytes) -> bytes:
    # The version has one length, so nothing can move between it and the body.
    signed = blake2b(key=secret, person=b"pharos.live", digest_size=_SIGNATURE_BYTES)
    name = key.encode()
    for part in (struct.pack(">I", len(name)), name, version, body):
        signed.update(part)
    return signed.digest()
