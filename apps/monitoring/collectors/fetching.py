"""One bounded GET for collectors: no redirects, no address that is never asked, no endless body."""

import http.client
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


class Fetcher:
    """Keeps hold of connections that wait, so that another thread can end the wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Hashable, http.client.HTTPConnection] = {}

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
        connection = _connection(url, timeout_s)
        with self._lock:
            self._open[key] = connection
        try:
            return _ask(connection, url, headers, deadline, most_bytes)
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            raise CollectError(in_words(error)) from error
        finally:
            with self._lock:
                self._open.pop(key, None)
            connection.close()

    def abandon(self, key: Hashable) -> None:
        """End the wait of `key`, if it waits."""
        with self._lock:
            connection = self._open.get(key)
            sock: Any = connection.sock if connection is not None else None
            if sock is not None:
                try:
                    sock.shutdown(2)
                except OSError:
                    # Closed by its own thread a moment ago.
                    return


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


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    if parts.scheme != "http":
        raise CollectError("Only http and https addresses are read.")
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
    connection.connect()
    # Who answers is known only now: a name may lead elsewhere each time it is asked for.
    if not may_be_asked(connection.sock.getpeername()[0]):
        raise CollectError("The address is link-local, which is never read.")
    fixed = {"User-Agent": "Pharos", "Accept-Encoding": "gzip", "Connection": "close"}
    connection.request("GET", path, headers={**fixed, **headers})
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    unpack = None
    if told.get("content-encoding", "").lower() == "gzip":
        unpack = zlib.decompressobj(_GZIP_WBITS)
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
    return Answer(answer.status, told, b"".join(parts_read))
