"""HTTP probes: does an address answer as it should, how fast, and until when is its certificate.

Only members of staff set up probes. A probe asks one address over http or https, does not follow
redirects, sends no credentials and reads a bounded part of the answer.
"""

import http.client
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from apps.core.addresses import may_be_asked
from apps.monitoring.collectors.base import (
    CollectError,
    Collector,
    Point,
    Reading,
    TargetDownError,
    gauge,
)
from apps.monitoring.models import Probe

DURATION: Final = gauge("httpcheck.duration", "ms")
STATUS: Final = gauge("httpcheck.status")
ERROR: Final = gauge("httpcheck.error", "{error}")
CERTIFICATE: Final = gauge("httpcheck.tls.cert_remaining", "s")
_MOST_PROBES: Final = 100
_MOST_BYTES: Final = 1 << 20
_CHUNK: Final = 1 << 16


class _Pending:
    """Connections that wait for an answer, so that another thread can end the wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def add(self, key: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._open[key] = connection

    def remove(self, key: tuple[str, str]) -> None:
        with self._lock:
            self._open.pop(key, None)

    def shut(self, key: tuple[str, str]) -> None:
        with self._lock:
            connection = self._open.get(key)
            sock: Any = connection.sock if connection is not None else None
            if sock is not None:
                try:
                    sock.shutdown(2)
                except OSError:
                    # Closed by its own thread a moment ago.
                    return


_pending: Final = _Pending()


@dataclass(frozen=True)
class HttpCheck(Collector, kind="httpcheck"):
    """One probe."""

    url: str = field(default="", repr=False)
    method: str = "GET"
    expected_status: int = 200

    @classmethod
    def configured(cls) -> "Iterable[HttpCheck]":
        for probe in Probe.objects.filter(enabled=True).order_by("pk")[:_MOST_PROBES]:
            yield cls(
                target=probe.name, interval_s=probe.interval_s, timeout_s=probe.timeout_s,
                url=probe.url, method=probe.method, expected_status=probe.expected_status,
            )  # fmt: skip

    def abandon(self) -> None:
        _pending.shut(self.key)

    def read(self) -> Reading:
        began = time.perf_counter()
        connection = self._connection()
        _pending.add(self.key, connection)
        try:
            status = self._ask(connection, began + self.timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            name = type(error).__name__
            raise CollectError(
                _in_words(error), [Point(ERROR, 1.0, {**self._attrs(), "error.type": name})]
            ) from error
        finally:
            _pending.remove(self.key)
            remaining_s = _certificate_s(connection)
            connection.close()
        return self._judge(status, (time.perf_counter() - began) * 1000, remaining_s)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                host, parts.port, timeout=self.timeout_s, context=context
            )
        if parts.scheme != "http":
            raise CollectError("Only http and https addresses are probed.")
        return http.client.HTTPConnection(host, parts.port, timeout=self.timeout_s)

    def _ask(self, connection: http.client.HTTPConnection, deadline: float) -> int:
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "Pharos", "Accept": "*/*", "Connection": "close"}
        connection.connect()
        # Who answers is known only now: a name may lead elsewhere each time it is asked for.
        if not may_be_asked(connection.sock.getpeername()[0]):
            raise CollectError("The address is link-local, which is never probed.")
        connection.request(self.method, path, headers=headers)
        answer = connection.getresponse()
        size = 0
        # An endless body is an answer all the same once it is long enough.
        while size < _MOST_BYTES and (part := answer.read1(_CHUNK)):
            size += len(part)
            if time.perf_counter() > deadline:
                raise TimeoutError
        return answer.status

    def _judge(self, status: int, took_ms: float, remaining_s: float | None) -> Reading:
        found = Reading(detail=f"HTTP {status}")
        attrs = {key.replace(".", "__"): value for key, value in self._attrs().items()}
        found.add(DURATION, took_ms, **attrs)
        expected = status == self.expected_status
        code = {"http__response__status_code": str(status)}
        found.add(STATUS, 1.0 if expected else 0.0, **code, **attrs)
        found.add(CERTIFICATE, remaining_s, **attrs)
        if not expected:
            raise TargetDownError(
                f"It answered {status}; {self.expected_status} was expected.", found.points
            )
        return found

    def _attrs(self) -> dict[str, str]:
        # The name, not the address: an address may hold a token.
        return {"httpcheck.name": self.target, "http.request.method": self.method}


def _certificate_s(connection: http.client.HTTPConnection) -> float | None:
    sock: Any = connection.sock
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    if not certificate or "notAfter" not in certificate:
        return None
    return ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not trusted: {error.verify_message}."
    return f"{type(error).__name__}: {error}"
