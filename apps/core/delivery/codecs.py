"""Compress a whole body, or a stream of chunks with bounded memory.

Levels by measurement on the JSON of the Overview page: a higher one costs several times the
processor time for a few per cent of size (`make bench NAME=delivery`).
"""

import gzip
import threading
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from time import monotonic
from typing import Final, Protocol

import brotli
import zstandard

BROTLI_QUALITY: Final = 4
ZSTD_LEVEL: Final = 3
GZIP_LEVEL: Final = 6
# What has been taken in leaves at the latest after this much more of it, or this much later.
_FLUSH_BYTES: Final = 64 * 1024
_FLUSH_S: Final = 1.0
# A window of 512 KiB: brotli's default takes 4 MiB and more for each stream under way.
_BROTLI_STREAM_WINDOW: Final = 19

_local = threading.local()


def compress(coding: str, body: bytes) -> bytes:
    """The body in this coding."""
    return _WHOLE[coding](body)


def _brotli(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=BROTLI_QUALITY))


def _zstd(body: bytes) -> bytes:
    # Its working memory is worth keeping; two threads must not share one.
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "zstd", None)
    if compressor is None:
        compressor = _local.zstd = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    return compressor.compress(body)


def _gzip(body: bytes) -> bytes:
    # The time of day in the header would make equal answers differ.
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


class _Stream(Protocol):
    def take(self, chunk: bytes) -> bytes: ...
    def flush(self) -> bytes: ...
    def end(self) -> bytes: ...


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Compressor(quality=BROTLI_QUALITY, lgwin=_BROTLI_STREAM_WINDOW)

    def take(self, chunk: bytes) -> bytes:
        return bytes(self._inner.process(chunk))

    def flush(self) -> bytes:
        return bytes(self._inner.flush())

    def end(self) -> bytes:
        return bytes(self._inner.finish())


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()

    def take(self, chunk: bytes) -> bytes:
        return self._inner.compress(chunk)

    def flush(self) -> bytes:
        return self._inner.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._inner.flush()


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def take(self, chunk: bytes) -> bytes:
        return self._inner.compress(chunk)

    def flush(self) -> bytes:
        return self._inner.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._inner.flush()


_WHOLE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "br": _brotli, "zstd": _zstd, "gzip": _gzip,
}  # fmt: skip
_STREAMS: Final[dict[str, Callable[[], _Stream]]] = {
    "br": _Brotli, "zstd": _Zstd, "gzip": _Gzip,
}  # fmt: skip


class _Pump:
    """Decides when a stream is flushed: the first chunk at once, then by amount and by time."""

    def __init__(self, coding: str) -> None:
        self._stream = _STREAMS[coding]()
        self._held_bytes = _FLUSH_BYTES
        self._flushed_at = monotonic()

    def push(self, chunk: bytes) -> bytes:
        out = self._stream.take(chunk)
        self._held_bytes += len(chunk)
        now = monotonic()
        if self._held_bytes < _FLUSH_BYTES and now - self._flushed_at < _FLUSH_S:
            return out
        self._held_bytes, self._flushed_at = 0, now
        return out + self._stream.flush()

    def end(self) -> bytes:
        return self._stream.end()


def stream(coding: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, compressed as they come."""
    pump = _Pump(coding)
    for chunk in chunks:
        if chunk and (out := pump.push(chunk)):
            yield out
    yield pump.end()


async def stream_async(coding: str, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same for asynchronous chunks."""
    pump = _Pump(coding)
    async for chunk in chunks:
        if chunk and (out := pump.push(chunk)):
            yield out
    yield pump.end()
