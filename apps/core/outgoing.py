"""A line to one receiver over HTTP/1.1: kept open between posts, bounded in time and in bytes.

For what sends again and again (telemetry to another system). The address is checked before it is
connected to, redirects are not followed, and a receiver that drips is cut off.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self
from urllib.parse import SplitResult, urlsplit

from apps.core.addresses import ForbiddenAddressError, resolve

_CONNECT_S: Final = 3.0
_ANSWER_BYTES: Final = 4 << 20


class UnreachableError(Exception):
    """Nothing was sent: the name, the connection or the certificate failed. Words for people."""


class NeverAskedError(UnreachableError):
    """The name leads only to addresses that are never asked: trying again changes nothing."""


class BrokenOffError(Exception):
    """Bytes have left and no whole answer came: what was sent may have been taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name, and the body up to 4 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One receiver. Not thread-safe."""

    def __init__(self, url: str, *, whole_s: float = 15.0) -> None:
        self._parts: SplitResult = urlsplit(url)
        self._whole_s = whole_s
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next post connects anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST `body` to the URL's path followed by `path`.

        Raises UnreachableError or BrokenOffError.
        """
        return self._bounded("POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """GET the URL's path followed by `path`. Raises as `post`."""
        return self._bounded("GET", path, None, headers)

    def _bounded(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        kept = self._connection is not None
        try:
            return self._ask(method, path, body, headers)
        except http.client.RemoteDisconnected as error:
            self.close()
            if not kept:
                raise BrokenOffError(_words(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise BrokenOffError(_words(error)) from error
        # It hung up a connection that lay idle, before it read anything.
        try:
            return self._ask(method, path, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise BrokenOffError(_words(error)) from error

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = self._connection = self._connection or self._connect()
        target = self._parts.path.rstrip("/") + path or "/"
        if self._parts.query:
            target = f"{target}?{self._parts.query}"
        # A read timeout starts anew at every byte: one header at a time could last for days.
        cut = threading.Timer(self._whole_s, _shut, [connection.sock])
        cut.daemon = True
        cut.start()
        try:
            connection.request(
                method,
                target,
                body,
                {"Host": self._parts.netloc, "User-Agent": "Pharos", **headers},
            )
            # One that is not read to its end would hold the socket for as long as an error lives.
            with connection.getresponse() as response:
                found = response.read(_ANSWER_BYTES)
                used_up = response.will_close or not response.isclosed()
        finally:
            cut.cancel()
        if used_up:
            self.close()
        answered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, answered, found)

    def _connect(self) -> http.client.HTTPConnection:
        host = str(self._parts.hostname or "")
        secure = self._parts.scheme == "https"
        port = self._parts.port or (443 if secure else 80)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._socket(host, port, secure=secure)
        # Without it a closed connection would be opened again to an unchecked address.
        connection.auto_open = 0
        return connection

    def _socket(self, host: str, port: int, *, secure: bool) -> Any:
        try:
            addresses = resolve(host, port)
        except ForbiddenAddressError as error:
            raise NeverAskedError(str(error)) from None
        except (OSError, UnicodeError):
            raise UnreachableError("The host name cannot be resolved.") from None
        for address in addresses:
            try:
                sock = socket.create_connection((address, port), timeout=_CONNECT_S)
            except OSError:
                continue
            sock.settimeout(self._whole_s)
            return self._secured(sock, host) if secure else sock
        raise UnreachableError("The receiver cannot be reached.")

    def _secured(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        try:
            return ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        except (OSError, ValueError) as error:
            sock.close()
            words = "The receiver's certificate is not accepted."
            if not isinstance(error, ssl.SSLError):
                words = "The receiver broke off while TLS was agreed."
            raise UnreachableError(words) from None


def _shut(sock: socket.socket) -> None:
    try:
        # The socket's own: the one of TLS would pull the session from under the reading thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # closed by its own thread a moment ago


def _words(error: Exception) -> str:
    # The text of the error may hold the address, which may hold a token.
    return f"The receiver broke off: {type(error).__name__}."


def retry_after_s(value: str) -> float | None:
    """Seconds asked for by a Retry-After header, as a number or a date; None when it is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
