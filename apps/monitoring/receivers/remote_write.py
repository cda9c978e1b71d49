"""Prometheus remote write 1.0 and 2.0: a native ASGI application for POST /api/v1/write.

The statuses are the specification's: 204 after COMMIT, 400 for what a retry cannot mend (the valid
rest of the request is stored all the same), 503 with Retry-After while the store is away.

    remote_write:
      - url: https://pharos.example/api/v1/write
        authorization:
          credentials: <API key of scope ingest>
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import cramjam
from django.conf import settings

from apps.monitoring import recorder
from apps.monitoring.intake import limits
from apps.monitoring.intake.body import Body, DisconnectedError, too_large
from apps.monitoring.intake.reply import RefusalError, Reply
from apps.monitoring.prometheus.remote import WriteError, Written, decode
from apps.monitoring.receivers import serving
from apps.monitoring.receivers.serving import Receive, Scope, Send
from apps.monitoring.store.rows import Outcome

ROUTE: Final = "/api/v1/write"
# Senders cut at some thousand samples, far below it; decoding more would hold up other threads.
_MOST_BYTES: Final = 16 << 20
_TEXT: Final = b"text/plain; charset=utf-8"
_PROTOS: Final = {
    "": 1,
    "prometheus.writerequest": 1,
    "io.prometheus.write.v2.request": 2,
}
_log = logging.getLogger(__name__)


@dataclass
class _Call:
    """One request, and whether its body was taken off the connection."""

    scope: Scope
    body_read: bool = False


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Never raises; a sender that went away gets no answer."""
    begun = time.perf_counter()
    call = _Call(scope)
    try:
        reply = await _answer(call, receive)
    except DisconnectedError:
        return
    except RefusalError as refusal:
        reply = Reply(refusal.status, refusal.message.encode(), _TEXT, refusal.headers)
    except Exception:  # noqa: BLE001 (whatever it is, senders retry a 503)
        _log.exception("remote_write_failed")
        failure = serving.busy("The request could not be stored.")
        reply = Reply(failure.status, failure.message.encode(), _TEXT, failure.headers)
    await serving.send(reply, send, scope, body_read=call.body_read)
    serving.record(scope["method"], ROUTE, reply.status, time.perf_counter() - begun)


async def _answer(call: _Call, receive: Receive) -> Reply:
    scope = call.scope
    if scope["path"].rstrip("/") != ROUTE:
        raise RefusalError(404, f"Remote write is taken at {ROUTE}.")
    if scope["method"] != "POST":
        raise RefusalError(405, "Only POST is understood here.", headers=((b"allow", b"POST"),))
    headers = serving.headers_of(scope)
    sender = await serving.authorise(headers, "ingest")
    version = _version(headers)
    limit_bytes = min(settings.PHAROS_INTAKE_BODY_BYTES, _MOST_BYTES)
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit_bytes:
        raise too_large(limit_bytes)
    body = Body(serving.budget(), limit_bytes)
    try:
        await body.read(receive)
        call.body_read = True
        size_bytes = body.size_bytes
        written = await serving.decoded(_decode, body, limit_bytes, version)
    finally:
        body.release()
    outcome = await serving.commit(written.batch)
    items = outcome.accepted + outcome.rejected + written.refused.total()
    await serving.charge(sender, items, size_bytes)
    return _told(written, outcome, version)


def _version(headers: serving.Headers) -> int:
    """1 or 2. Raises RefusalError (415)."""
    kind, *parameters = serving.text_of(headers, b"content-type").lower().split(";")
    proto = ""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "proto":
            proto = value.strip('"')
    if kind.strip() != "application/x-protobuf" or proto not in _PROTOS:
        raise RefusalError(415, "Send application/x-protobuf of remote write 1.0 or 2.0.")
    if serving.text_of(headers, b"content-encoding").lower() != "snappy":
        raise RefusalError(415, "The content encoding must be snappy.")
    return _PROTOS[proto]


def _decode(body: Body, limit_bytes: int, version: int) -> Written:
    """The rows of a body, in a worker thread. Raises RefusalError (400, 413)."""
    packed = body.decoded("identity")
    plain = unpacked(packed, limit_bytes)
    try:
        written = decode(plain, version=version)
    except WriteError as error:
        raise RefusalError(400, str(error)) from None
    digest = hashlib.blake2b(plain, digest_size=16, person=ROUTE.encode()).digest()
    written.batch.key = UUID(bytes=digest)
    written.batch.size_bytes = len(plain)
    return written


def unpacked(packed: bytes, limit_bytes: int) -> bytes:
    """Snappy's block format. Raises RefusalError (400, 413) before anything grows."""
    try:
        # The block says at its head how large it will be, and cannot become larger.
        size: int = cramjam.snappy.decompress_raw_len(packed)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        return bytes(cramjam.snappy.decompress_raw(packed))
    except cramjam.DecompressionError as error:
        raise RefusalError(400, f"The body is not snappy: {error}.") from None


def _told(written: Written, outcome: Outcome, version: int) -> Reply:
    refused = written.refused.total() + outcome.rejected
    kept = "duplicate" if outcome.duplicate else "accepted"
    for state, items in ((kept, outcome.accepted), ("rejected", refused)):
        if items:
            labels = {"signal": "remote_write", "state": state}
            recorder.count("pharos.intake.items", items, "{item}", labels)
    headers = _counts(written, outcome) if version == 2 else []
    if not refused:
        return Reply(204, headers=headers)
    # The specification's way to say "partly": what was valid is stored and must not come again.
    reasons = [f"{n} refused: {reason}" for reason, n in written.refused.most_common(5)]
    message = "; ".join([*reasons, *filter(None, [outcome.message])])
    return Reply(400, message[: limits.MESSAGE_CHARS].encode(), _TEXT, headers)


def _counts(written: Written, outcome: Outcome) -> list[tuple[bytes, bytes]]:
    """What remote write 2.0 wants to know."""
    # Where the store refused some, they are counted among the samples: the smaller claim.
    samples = max(written.samples - outcome.rejected, 0)
    figures: dict[str, Any] = {
        "samples": samples, "histograms": written.histograms, "exemplars": written.exemplars,
    }  # fmt: skip
    return [
        (f"x-prometheus-remote-write-{name}-written".encode(), str(count).encode())
        for name, count in figures.items()
    ]
