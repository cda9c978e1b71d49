"""Webhooks: a signed JSON body by POST (headers as in standardwebhooks.com), no redirects."""

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import orjson
import urllib3
from django.utils.translation import gettext_lazy as _
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import checked_url
from apps.alerts.models import Outcome
from apps.core.addresses import ForbiddenAddressError, resolve
from apps.core.outgoing import retry_after_s

_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=8.0)
# The read timeout starts anew at every byte: one header at a time could last for days.
_WHOLE_S: Final = 15.0
# 425 Too Early asks for a repeat just as 408 and 429 do.
_TRANSIENT: Final = frozenset({408, 425, 429})


class WebhookNotifier(Notifier, kind="webhook"):
    """POSTs the message as JSON."""

    label = _("Webhook")
    target_label = _("URL")
    signs = True

    def validate(self, target: str) -> str:
        """An http or https URL with a host and without user, fragment or control characters."""
        return checked_url(target)

    def send(self, envelope: Envelope) -> Delivered:
        parts = urlsplit(envelope.target)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            addresses = resolve(str(parts.hostname), port)
        except ForbiddenAddressError as error:
            return Delivered(Outcome.PERMANENT, error=str(error))
        except (OSError, UnicodeError):
            return Delivered(Outcome.TRANSIENT, error="The host name cannot be resolved.")
        body = orjson.dumps(
            {"id": envelope.key, "may_repeat": envelope.may_repeat, **envelope.payload}
        )
        headers = {"Host": parts.netloc, **_headers(envelope, body)}
        return _post(parts, addresses, port, body, headers)


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, time and body, as receivers recompute it."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def _headers(envelope: Envelope, body: bytes) -> dict[str, str]:
    # Signed for the receiver's replay window only; nothing here is decided by this clock.
    timestamp = int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "Pharos",
        "Idempotency-Key": envelope.key,
        "Webhook-Id": envelope.key,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": signature(envelope.secret, envelope.key, timestamp, body),
        "Pharos-Attempt": str(envelope.attempt),
        "Pharos-May-Repeat": "true" if envelope.may_repeat else "false",
    }


def _post(
    parts: SplitResult, addresses: list[str], port: int, body: bytes, headers: Mapping[str, str]
) -> Delivered:
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    outcome = Delivered(Outcome.TRANSIENT, error="The receiver cannot be reached.")
    for address in addresses:
        begun = time.monotonic()
        with _pool(parts, address, port) as pool:
            try:
                response = pool.urlopen(
                    "POST", path, body, headers, retries=False, redirect=False,
                    timeout=_TIMEOUT, preload_content=False, decode_content=False,
                )  # fmt: skip
            except (NewConnectionError, ConnectTimeoutError):
                continue  # nothing was sent: the next address may do
            except SSLError:
                return Delivered(
                    Outcome.TRANSIENT, error="The receiver's certificate is not accepted."
                )
            except ReadTimeoutError:
                return Delivered(Outcome.UNKNOWN, error="The receiver did not answer in time.")
            except (HTTPError, OSError, ValueError) as error:
                # Bytes may have left before it broke. The text of the error would hold the URL.
                return Delivered(
                    Outcome.UNKNOWN, error=f"The receiver broke off: {type(error).__name__}."
                )
            outcome = _judge(response.status, response.headers)
            if time.monotonic() - begun >= _WHOLE_S:
                # Half of a head, which the parser takes for a whole one.
                outcome = Delivered(Outcome.UNKNOWN, error="The receiver did not answer in time.")
            # The status is all that counts; a body may be endless.
            response.close()
            return outcome
    return outcome


class _Timed:
    """A connection that is cut off some time after it was made."""

    sock: Any
    _cut: threading.Timer | None = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        # The socket's own: the one of TLS would pull the session from under the reading thread.
        self._cut = threading.Timer(_WHOLE_S, _shut, [self.sock])
        self._cut.daemon = True
        self._cut.start()

    def close(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
        super().close()  # type: ignore[misc]


def _shut(sock: socket.socket) -> None:
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # closed by its own thread a moment ago


class _TimedHTTP(_Timed, HTTPConnection):
    pass


class _TimedHTTPS(_Timed, HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedHTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPS


def _pool(parts: SplitResult, address: str, port: int) -> urllib3.HTTPConnectionPool:
    if parts.scheme == "http":
        return _HTTPPool(address, port, maxsize=1)
    return _HTTPSPool(
        address,
        port,
        maxsize=1,
        cert_reqs="CERT_REQUIRED",
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
    )


def _judge(status: int, headers: Mapping[str, str]) -> Delivered:
    if 200 <= status < 300:
        return Delivered(Outcome.OK, status)
    if status in _TRANSIENT or status >= 500:
        return Delivered(
            Outcome.TRANSIENT,
            status,
            f"The receiver answered {status}.",
            retry_after_s(headers.get("Retry-After", "")),
        )
    if 300 <= status < 400:
        return Delivered(
            Outcome.PERMANENT,
            status,
            f"The receiver answered {status}; redirects are not taken.",
        )
    return Delivered(Outcome.PERMANENT, status, f"The receiver answered {status}.")
