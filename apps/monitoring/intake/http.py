"""OTLP/HTTP: a native ASGI application for POST /v1/{traces,logs,metrics}.

The event loop only moves bytes. Decompressing and decoding run in a small thread pool, the commit
in the committer's own thread; 200 is sent after COMMIT and not before.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.core.asgi import policies
from apps.core.errors import UnavailableError
from apps.core.services import apikeys
from apps.monitoring import recorder
from apps.monitoring.intake import limits
from apps.monitoring.intake.body import ENCODINGS, Body, Budget, DisconnectedError, too_large
from apps.monitoring.intake.commit import StoreBusyError, StoreUnavailableError, committer
from apps.monitoring.intake.decoding import Decoding, MalformedError
from apps.monitoring.intake.reply import JSON, PROTOBUF, RefusalError, Reply, success
from apps.monitoring.intake.signals import SIGNALS, Signal
from apps.monitoring.store.rows import Batch, Outcome

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CONTENT_TYPES = {"application/x-protobuf": PROTOBUF, "application/json": JSON}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Call:
    """One request's head."""

    signal: Signal
    method: str
    headers: dict[bytes, bytes]
    content_type: bytes | None
    encoding: str

    @classmethod
    def of(cls, scope: Scope, signal: Signal) -> "_Call":
        headers = {name.lower(): value for name, value in scope["headers"]}
        media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        content_type = _CONTENT_TYPES.get(media_type.strip().lower())
        return cls(signal, scope["method"], headers, content_type, encoding)

    @property
    def origin(self) -> bytes | None:
        """The browser origin, when it is one that may send."""
        origin = self.headers.get(b"origin")
        allowed: list[str] = settings.PHAROS_INTAKE_ORIGINS
        return origin if origin and origin.decode("latin-1") in allowed else None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Never raises; a sender that went away gets no answer."""
    signal = SIGNALS.get(scope["path"])
    if signal is None:
        refusal = RefusalError(404, "OTLP is taken at /v1/traces, /v1/logs and /v1/metrics.")
        await _send(refusal.reply(JSON), send)
        return
    call = _Call.of(scope, signal)
    begun = time.perf_counter()
    try:
        reply = await _answer(call, receive)
    except DisconnectedError:
        return
    except RefusalError as refusal:
        reply = refusal.reply(call.content_type or JSON)
    except Exception:  # noqa: BLE001 (whatever it is, senders retry a 503 and drop what got a 500)
        _log.exception("intake_failed", extra={"path": signal.path})
        failure = RefusalError(
            503, "The request could not be stored.", retry_after_s=limits.BUSY_RETRY_AFTER_S
        )
        reply = failure.reply(call.content_type or JSON)
    if call.origin:
        reply.headers.extend([(b"access-control-allow-origin", call.origin), (b"vary", b"Origin")])
    await _send(reply, send, is_head=call.method == "HEAD")
    _record(call, reply.status, time.perf_counter() - begun)


def _record(call: _Call, status: int, seconds: float) -> None:
    """The intake's own requests, beside those that Django answers."""
    labels = {
        "http.request.method": call.method if call.method in _METHODS else "_OTHER",
        "http.route": call.signal.path,
        "http.response.status_code": status,
    }
    recorder.observe("http.server.request.duration", seconds, labels)


async def _answer(call: _Call, receive: Receive) -> Reply:
    if call.method == "OPTIONS" and call.origin:
        return _preflight()
    if call.method != "POST":
        raise RefusalError(405, "Only POST is understood here.", headers=((b"allow", b"POST"),))
    await _authorise(call)
    limit_bytes: int = settings.PHAROS_INTAKE_BODY_BYTES
    _check_head(call, limit_bytes)
    body = Body(_budget(), limit_bytes)
    try:
        await body.read(receive)
        decoding = await asyncio.get_running_loop().run_in_executor(
            _decoders(), _decode, call, body
        )
    finally:
        body.release()
    decoding.batch.forwarded = b"pharos-forwarded" in call.headers
    outcome = await _commit(decoding) if len(decoding.batch) else Outcome(0)
    messages = filter(None, (decoding.message(), outcome.message))
    rejected = decoding.rejected + outcome.rejected
    kept = "duplicate" if outcome.duplicate else "accepted"
    for state, items in ((kept, outcome.accepted), ("rejected", rejected)):
        if items:
            labels = {"signal": call.signal.path[4:], "state": state}
            recorder.count("pharos.intake.items", items, "{item}", labels)
    if len(decoding.batch) > limits.FREED_AT_ONCE:
        asyncio.get_running_loop().run_in_executor(_decoders(), _free, decoding.batch)
    return success(call.signal, call.content_type or JSON, rejected, "; ".join(messages))


def _preflight() -> Reply:
    """Yes to a browser of an allowed origin; the origin itself is added to every answer."""
    headers = [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
        (b"access-control-max-age", b"7200"),
    ]
    return Reply(204, headers=headers)


async def _authorise(call: _Call) -> None:
    key = apikeys.presented(call.headers.get(b"authorization", b"").decode("latin-1"))
    challenge = ((b"www-authenticate", b"Bearer"),)
    if key is None:
        raise RefusalError(401, "Send Authorization: Bearer with an API key.", headers=challenge)
    try:
        check = asyncio.get_running_loop().run_in_executor(_key_checkers(), apikeys.verify, key)
        # A server that froze answers nothing and closes nothing: only a clock notices.
        verdict = await asyncio.wait_for(check, limits.COMMIT_TIMEOUT_S)
    except UnavailableError as error:
        raise RefusalError(503, error.message, retry_after_s=error.retry_after_s) from None
    except TimeoutError:
        raise RefusalError(
            503, "API keys cannot be checked right now.", retry_after_s=limits.BUSY_RETRY_AFTER_S
        ) from None
    if verdict is None:
        raise RefusalError(401, "The API key is wrong, expired or revoked.", headers=challenge)
    if "ingest" not in verdict.scopes:
        raise RefusalError(403, "The API key lacks the scope ingest.")


def _check_head(call: _Call, limit_bytes: int) -> None:
    if call.content_type is None:
        raise RefusalError(415, "Send application/x-protobuf or application/json.")
    if call.encoding not in ENCODINGS:
        raise RefusalError(400, "The content encoding must be gzip, deflate or identity.")
    length = call.headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit_bytes:
        raise too_large(limit_bytes)


def _decode(call: _Call, body: Body) -> Decoding:
    """The rows of a body, in a worker thread. Raises RefusalError."""
    plain = body.decoded(call.encoding)
    try:
        decoding = call.signal.decode(plain, is_json=call.content_type == JSON)
    except MalformedError as error:
        raise RefusalError(400, str(error)) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a body that breaks the decoder would break it again)
        _log.exception("decode_failed", extra={"path": call.signal.path})
        raise RefusalError(400, "The body could not be decoded.") from None
    # Of the uncompressed bytes: a gzip header holds the time, which differs on a retry.
    digest = hashlib.blake2b(plain, digest_size=16, person=call.signal.path.encode()).digest()
    decoding.batch.key = UUID(bytes=digest)
    decoding.batch.size_bytes = len(plain)
    return decoding


async def _commit(decoding: Decoding) -> Outcome:
    try:
        future = committer().submit(decoding.batch)
        return await asyncio.wait_for(asyncio.wrap_future(future), limits.COMMIT_TIMEOUT_S)
    except (StoreBusyError, StoreUnavailableError) as error:
        raise RefusalError(503, str(error), retry_after_s=error.retry_after_s) from None
    except TimeoutError:
        raise RefusalError(
            503, "The store did not commit in time.", retry_after_s=limits.BUSY_RETRY_AFTER_S
        ) from None


def _free(batch: Batch) -> None:
    """Let go of committed rows bit by bit: 100,000 at once would stop every thread for 100 ms."""
    for rows in (batch.spans, batch.logs, batch.samples, batch.histograms):
        while rows:
            del rows[-limits.FREED_AT_ONCE :]


async def _send(reply: Reply, send: Send, *, is_head: bool = False) -> None:
    headers = [*reply.headers, *policies.headers()]
    if reply.status != 204:
        headers.append((b"content-type", reply.content_type))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else reply.body})


# Made on first use: threads and locks made before a fork do not survive it.
@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="intake-decode")


@cache
def _key_checkers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="intake-key")


@cache
def _budget() -> Budget:
    return Budget(2 * settings.PHAROS_INTAKE_BODY_BYTES)
