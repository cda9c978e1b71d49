"""Request bodies: read within a time and a size, counted against the process, decompressed."""

import asyncio
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import zstandard

from apps.monitoring.intake import limits
from apps.monitoring.intake.reply import RefusalError

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

_PIECE_BYTES: Final = 1024 * 1024
# Chunks below this are joined: a list of single bytes weighs eight times what is in it.
_SMALL_BYTES: Final = 4 * 1024
_GZIP_WBITS: Final = 31
_ZLIB_WBITS: Final = 15
_RAW_WBITS: Final = -15
GZIP: Final = frozenset({"gzip", "x-gzip"})
PLAIN: Final = frozenset({"", "identity"})
ENCODINGS: Final = GZIP | PLAIN | {"deflate", "zstd"}
# zstd lets a sender name the window; what a decoder must be ready for is 8 MiB (RFC 8878).
_ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024
_ZSTD_SLICE_BYTES: Final = 512


class DisconnectedError(Exception):
    """The sender went away; there is nobody to answer."""


class Budget:
    """Bytes of request bodies this process holds at once. Beyond it senders are asked to wait."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        return self._held

    def take(self, count: int) -> None:
        """Hold `count` more bytes. Raises RefusalError (503) when there is no room."""
        with self._lock:
            if self._held + count > self._limit_bytes:
                raise RefusalError(
                    503, "Too many bytes are on their way.", retry_after_s=limits.BUSY_RETRY_AFTER_S
                )
            self._held += count

    def give_back(self, count: int) -> None:
        with self._lock:
            self._held -= count


class Body:
    """The body of one request. Holds its share of the budget until `release()`."""

    def __init__(self, budget: Budget, limit_bytes: int) -> None:
        self._budget = budget
        self._limit_bytes = limit_bytes
        self._held = 0
        self._chunks: list[bytes | bytearray] = []

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""
        return sum(map(len, self._chunks))

    def add(self, chunk: bytes) -> None:
        """Take in a piece that another process has counted."""
        self._keep(chunk)

    def pieces(self, piece_bytes: int) -> Iterator[memoryview]:
        """Hand the body over in pieces: they are no longer kept, but still counted."""
        chunks, self._chunks = self._chunks, []
        for number, chunk in enumerate(chunks):
            chunks[number] = b""
            view = memoryview(chunk)
            for start in range(0, len(view), piece_bytes):
                yield view[start : start + piece_bytes]

    def _hold(self, count: int) -> None:
        self._budget.take(count)
        self._held += count

    def release(self) -> None:
        """Let go of the bytes and of their share of the budget."""
        self._chunks = []
        self._budget.give_back(self._held)
        self._held = 0

    async def read(self, receive: Receive) -> None:
        """Take the body in. Raises RefusalError (413, 503) or DisconnectedError."""
        size = 0
        try:
            async with asyncio.timeout(limits.READ_TIMEOUT_S):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise DisconnectedError
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    size += len(chunk)
                    if size > self._limit_bytes:
                        raise too_large(self._limit_bytes)
                    if chunk:
                        self._hold(len(chunk))
                        self._keep(chunk)
        except TimeoutError:
            # Not 408: senders drop what got a 408, and a slow network is worth a retry.
            raise RefusalError(
                503, "The body came too slowly.", retry_after_s=limits.BUSY_RETRY_AFTER_S
            ) from None

    def _keep(self, chunk: bytes) -> None:
        if len(chunk) >= _SMALL_BYTES:
            self._chunks.append(chunk)
        elif self._chunks and isinstance(last := self._chunks[-1], bytearray):
            last += chunk
        else:
            self._chunks.append(bytearray(chunk))

    def decoded(self, encoding: str) -> bytes:
        """The uncompressed bytes; for a worker thread. Raises RefusalError (400, 413, 503)."""
        if encoding in PLAIN or not any(self._chunks):
            return b"".join(self._chunks)
        plain: list[bytes] = []
        size = 0
        try:
            unpack = _unpack_zstd if encoding == "zstd" else _inflate
            for piece in unpack(self._chunks, encoding):
                size += len(piece)
                if size > self._limit_bytes:
                    raise too_large(self._limit_bytes)
                self._hold(len(piece))
                plain.append(piece)
        except (zlib.error, zstandard.ZstdError) as error:
            raise RefusalError(400, f"The body is not {encoding}: {error}.") from None
        return b"".join(plain)


def too_large(limit_bytes: int) -> RefusalError:
    """413 with the limit in words."""
    return RefusalError(413, f"The body is larger than {limit_bytes} bytes.")


def _inflate(chunks: list[bytes | bytearray], encoding: str) -> Iterator[bytes]:
    """Pieces of at most 1 MiB, so that a bomb is met before it has grown. Raises zlib.error."""
    wbits = _GZIP_WBITS if encoding in GZIP else _deflate_wbits(chunks)
    member, members = zlib.decompressobj(wbits), 1
    for chunk in chunks:
        for start in range(0, len(chunk), 64 * 1024):
            rest: bytes | bytearray = chunk[start : start + 64 * 1024]
            while rest:
                if member.eof:
                    members += 1
                    if wbits != _GZIP_WBITS or members > limits.GZIP_MEMBERS:
                        raise zlib.error("data after the end")
                    member = zlib.decompressobj(wbits)
                yield member.decompress(rest, _PIECE_BYTES)
                rest = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        tail = member.flush()
        if tail:
            yield tail
        if not member.eof:
            raise zlib.error("it ends too early")


def _unpack_zstd(chunks: list[bytes | bytearray], _encoding: str) -> Iterator[bytes]:
    """What the frames hold. Raises ZstdError.

    This decoder has no bound on what comes out, so little goes in: four bytes may stand for
    128 KiB, 512 bytes thus for 16 MiB.
    """
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    frame, frames = unpacker.decompressobj(), 1
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_SLICE_BYTES):
            rest = bytes(chunk[start : start + _ZSTD_SLICE_BYTES])
            while rest:
                if frame.eof:
                    frames += 1
                    if frames > limits.GZIP_MEMBERS:
                        raise zstandard.ZstdError("too many frames")
                    frame = unpacker.decompressobj()
                yield frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise zstandard.ZstdError("it ends too early")


def _deflate_wbits(chunks: list[bytes | bytearray]) -> int:
    """RFC 9110 says zlib's format, and some senders leave its two-byte header out."""
    head = b"".join(chunks[:2])[:2]
    has_header = len(head) == 2 and head[0] & 0x0F == 8 and int.from_bytes(head) % 31 == 0
    return _ZLIB_WBITS if has_header else _RAW_WBITS
