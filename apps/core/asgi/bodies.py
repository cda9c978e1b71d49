"""Take a whole request body in before a thread is spent on it: slow clients must hold none."""

import asyncio
import io
import tempfile
from typing import IO, ClassVar, Final

from apps.core.asgi.types import Message, Receive, Scope, header
from apps.core.errors import PortalError, UnavailableError

MEMORY_BYTES: Final = 64 * 1024
_WRITE_BYTES: Final = 256 * 1024
# All temporary files together; beyond it bodies are refused for the moment.
_SPOOL_BYTES: Final = 1024**3
# No byte for this long: the client is gone or means harm.
_IDLE_S: Final = 30.0


class TooLargeError(PortalError):
    """The body is larger than this server takes."""

    code: ClassVar[str] = "too_large"
    status: ClassVar[int] = 413


class TooSlowError(PortalError):
    """The body stopped arriving."""

    code: ClassVar[str] = "request_timeout"
    status: ClassVar[int] = 408


class ClientGoneError(Exception):
    """The client closed the connection; nobody is left to answer."""


class Body:
    """A request body: bytes in memory, beyond 64 KiB in a temporary file.

    `length` is its size in bytes, `file` is there once it is whole.
    """

    __slots__ = ("_chunks", "_gathered", "_spooled", "file", "length")
    spooled_bytes: ClassVar[int] = 0

    def __init__(self) -> None:
        self.length = 0
        self.file: IO[bytes] | None = None
        self._chunks: list[bytes] = []
        # Counted along the way: adding up the list at each chunk lets tiny chunks eat the CPU.
        self._gathered = 0
        self._spooled = 0

    async def add(self, chunk: bytes) -> None:
        """Keep one more chunk; files are written off the event loop, in large pieces."""
        self._chunks.append(chunk)
        self._gathered += len(chunk)
        self.length += len(chunk)
        threshold = MEMORY_BYTES if self.file is None else _WRITE_BYTES
        if self._gathered > threshold:
            await self._spool()

    async def finish(self) -> None:
        """Go back to the start."""
        if self.file is None:
            self.file = io.BytesIO(b"".join(self._chunks))
            return
        await self._spool()
        self.file.seek(0)

    def close(self) -> None:
        """Give the file back. Only on the event loop."""
        Body.spooled_bytes -= self._spooled
        self._spooled = 0
        if self.file is not None:
            self.file.close()

    async def _spool(self) -> None:
        size = self._gathered
        if Body.spooled_bytes + size > _SPOOL_BYTES:
            raise UnavailableError("Too many large uploads are under way.")
        Body.spooled_bytes += size
        self._spooled += size
        self._gathered = 0
        await asyncio.to_thread(self._write)

    def _write(self) -> None:
        if self.file is None:
            self.file = tempfile.TemporaryFile(prefix="pharos-body-")  # noqa: SIM115 (see close)
        self.file.write(b"".join(self._chunks))
        self._chunks.clear()


async def read(scope: Scope, receive: Receive, limit: int, idle_s: float = _IDLE_S) -> Body:
    """The body, which the caller closes.

    Raises TooLargeError, TooSlowError, UnavailableError or ClientGoneError.
    """
    declared = header(scope, b"content-length")
    body = Body()
    if declared is None and scope["method"] in ("GET", "HEAD") and not _chunked(scope):
        body.file = io.BytesIO()
        return body
    too_large = TooLargeError("The request body is too large.", {"limit_bytes": limit})
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise too_large
    try:
        while True:
            message = await _next(receive, idle_s)
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            if chunk := message.get("body", b""):
                if body.length + len(chunk) > limit:
                    raise too_large
                await body.add(chunk)
            if not message.get("more_body"):
                await body.finish()
                return body
    except BaseException:
        body.close()
        raise


async def _next(receive: Receive, idle_s: float) -> Message:
    try:
        async with asyncio.timeout(idle_s):
            return await receive()
    except TimeoutError:
        raise TooSlowError(f"No part of the body arrived for {idle_s:g} s.") from None


def _chunked(scope: Scope) -> bool:
    return header(scope, b"transfer-encoding") is not None
