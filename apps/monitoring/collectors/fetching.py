"""One bounded GET for collectors: no redirects, no address that is never asked, no endless body."""

import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from apps.core.addresses import may_be_asked
from apps.monitoring.collectors.base import CollectError

_CHUNK: Final = 1 << 16
_GZIP_WBITS: Final = 31


@dataclass(frozen=True)
class Answer:
    """What came back: the status, header names in lower case, the body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pending:
    """Sockets that wait for an answer, so that another thread can end the wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Hashable, Any] = {}

    def add(self, key: Hashable, sock: Any) -> None:
        """`sock` waits under this name."""
        with self._lock:
            self._open[key] = sock

    def remove(self, key: Hashable) -> None:
        """It waits no longer."""
        with self._lock:
            self._open.pop(key, None)

    def shut(self, key: Hashable) -> None:
        """End the wait of `key`, if it waits."""
        with self._lock:
            sock = self._open.get(key)
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # Closed by its own thread a moment ago.
                    return


class Fetcher:
    """Asks for one answer at a time under each key; another thread can end the wait for it."""

    def __init__(self) -> None:
        self._pending = Pending()

    def get(
        self,
        key: Hashable,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        most_bytes: int,
    ) -> Answer:
        """The answer to one GET. Raises CollectError with the reason in words."""
        deadline = time.monotonic() + timeout_s
        connection = connection_to(url, timeout_s)
        try:
            connection.connect()
            # The connection lets go of it as soon as there is an answer.
            self._pending.add(key, connection.sock)
            return _ask(connection, url, headers, deadline, most_bytes)
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            raise CollectError(in_words(error)) from error
        finally:
            self._pending.remove(key)
            connection.close()

    def abandon(self, key: Hashable) -> None:
        """End the wait of `key`, if it waits."""
        self._pending.shut(key)


def in_words(error: Exception) -> str:
    """Why there is no answer, for people."""
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not trusted: {error.verify_message}."
    if isinstance(error, zlib.error):
        return "Its body is not the gzip it claims to be."
    return f"{type(error).__name__}: {error}"


def connection_to(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """Not connected yet. Raises CollectError for an address of another kind."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    if parts.scheme != "http":
        raise CollectError("Only http and https addresses are asked.")
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


def _ask(
    connection: http.client.HTTPConnection,
    url: str,
    headers: Mapping[str, str],
    deadline: float,
    most_bytes: int,
) -> Answer:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Who answers is known only now: a name may lead elsewhere each time it is asked for.
    if not may_be_asked(connection.sock.getpeername()[0]):
        raise CollectError("The address is link-local, which is never read.")
    fixed = {"User-Agent": "Pharos", "Accept-Encoding": "gzip", "Connection": "close"}
    connection.request("GET", path, headers={**fixed, **headers})
    # An answer that is not read to its end would hold the socket for as long as the error lives.
    with connection.getresponse() as answer:
        told = {name.lower(): value for name, value in answer.getheaders()}
        packed = told.get("content-encoding", "").lower() == "gzip"
        body = _read(answer, deadline, most_bytes, packed=packed)
        return Answer(answer.status, told, body)


def _read(
    answer: http.client.HTTPResponse, deadline: float, most_bytes: int, *, packed: bool
) -> bytes:
    unpack = zlib.decompressobj(_GZIP_WBITS) if packed else None
    parts_read: list[bytes] = []
    size = 0
    while part := answer.read1(_CHUNK):
        if time.monotonic() > deadline:
            raise TimeoutError
        # One byte more than allowed tells a bomb, and no more of it is unpacked.
        plain = unpack.decompress(part, most_bytes - size + 1) if unpack else part
        size += len(plain)
        if size > most_bytes:
            raise CollectError(f"Its answer is larger than {most_bytes} bytes.")
        parts_read.append(plain)
    if unpack is not None and not unpack.eof:
        raise CollectError("Its answer was cut off.")
    return b"".join(parts_read)
