"""HTTP probes: does an address answer as it should, how fast, and until when is its certificate.

Only members of staff set up probes. A probe asks one address over http or https, does not follow
redirects, sends no credentials and reads a bounded part of the answer.
"""

import http.client
import ssl
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
from apps.monitoring.collectors.fetching import Pending, connection_to, in_words
from apps.monitoring.models import Probe

DURATION: Final = gauge("httpcheck.duration", "ms")
STATUS: Final = gauge("httpcheck.status")
ERROR: Final = gauge("httpcheck.error", "{error}")
CERTIFICATE: Final = gauge("httpcheck.tls.cert_remaining", "s")
_MOST_PROBES: Final = 100
_MOST_BYTES: Final = 1 << 20
_CHUNK: Final = 1 << 16
_pending: Final = Pending()


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
        connection = connection_to(self.url, self.timeout_s)
        remaining_s: float | None = None
        try:
            connection.connect()
            # Both now: the connection lets go of its socket as soon as there is an answer.
            _pending.add(self.key, connection.sock)
            remaining_s = _certificate_s(connection)
            status = self._ask(connection, began + self.timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            name = type(error).__name__
            raise CollectError(
                in_words(error), [Point(ERROR, 1.0, {**self._attrs(), "error.type": name})]
            ) from error
        finally:
            _pending.remove(self.key)
            connection.close()
        return self._judge(status, (time.perf_counter() - began) * 1000, remaining_s)

    def _ask(self, connection: http.client.HTTPConnection, deadline: float) -> int:
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "Pharos", "Accept": "*/*", "Connection": "close"}
        # Who answers is known only now: a name may lead elsewhere each time it is asked for.
        if not may_be_asked(connection.sock.getpeername()[0]):
            raise CollectError("The address is link-local, which is never probed.")
        connection.request(self.method, path, headers=headers)
        size = 0
        # Closed in any case: it would hold the socket for as long as an error lives.
        with connection.getresponse() as answer:
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
