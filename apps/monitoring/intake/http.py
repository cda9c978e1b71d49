"""OTLP/HTTP: a native ASGI application for POST /v1/{traces,logs,metrics}.

The event loop only moves bytes. Decompressing, decoding and committing are the work of processes
beside the web (`processes.py`); 200 is sent after COMMIT and not before.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import orjson
from django.conf import settings

from apps.core.asgi import policies
from apps.core.errors import UnavailableError
from apps.core.services import apikeys
from apps.core.services.apikeys import KeyVerdict
from apps.monitoring import recorder
from apps.monitoring.intake import limits, processes, watch, work
from apps.monitoring.intake.body import ENCODINGS, Body, Budget, DisconnectedError, too_large
from apps.monitoring.intake.frames import PIECE_BYTES
from apps.monitoring.intake.quota import quota
from apps.monitoring.intake.reply import JSON, PROTOBUF, RefusalError, Reply, success
from apps.monitoring.intake.signals import SIGNALS, Signal
from apps.monitoring.intake.work import Job, Result

T = TypeVar("T")
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
    # Of HTTP/1: a connection of its own to close. HTTP/2 gives up the stream alone.
    is_http1: bool
    body_read: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, scope: Scope, signal: Signal) -> "_Call":
        headers = {name.lower(): value for name, value in scope["headers"]}
        media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        content_type = _CONTENT_TYPES.get(media_type.strip().lower())
        is_http1 = scope.get("http_version", "1.1").startswith("1")
        return cls(signal, scope["method"], headers, content_type, encoding, is_http1)

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
    processes.own().wake()
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
        reply.headers.extend(_allowed(call.origin))
    if call.is_http1 and call.method == "POST" and not call.body_read.is_set():
        # What is left of the body would be taken for the next request's head.
        reply.headers.append((b"connection", b"close"))
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
    sender = await _authorise(call)
    limit_bytes: int = settings.PHAROS_INTAKE_BODY_BYTES
    _check_head(call, limit_bytes)
    body = Body(_budget(), limit_bytes)
    try:
        await body.read(receive)
        call.body_read.set()
        size_bytes = body.size_bytes
        result = await _work(call, body, size_bytes)
    except RefusalError as refusal:
        watch.refused(call.signal, sender.name, refusal.status)
        raise
    finally:
        body.release()
    if quota().limited:
        items = result.accepted + result.rejected
        await _in_thread(quota().charge, sender.prefix, items, size_bytes)
    watch.stored(call.signal, sender.name, result)
    return success(call.signal, call.content_type or JSON, result.rejected, result.message)


async def _work(call: _Call, body: Body, size_bytes: int) -> Result:
    """Decoded and committed, in an intake process or (with none of them) here."""
    job = Job(
        call.signal.path, call.content_type == JSON, call.encoding, time.time_ns(),
        forwarded=b"pharos-forwarded" in call.headers,
    )  # fmt: skip
    if not settings.PHAROS_INTAKE_PROCESSES:
        return await work.run(job, body)
    head = orjson.dumps(job)
    answer = await processes.own().ask(head, body.pieces(PIECE_BYTES), size_bytes)
    if "refusal" in answer:
        status, message, retry_after_s = answer["refusal"]
        raise RefusalError(status, message, retry_after_s=retry_after_s)
    return Result(**answer["result"])


def _allowed(origin: bytes) -> list[tuple[bytes, bytes]]:
    """What lets pages of `origin` read the answer."""
    return [
        (b"access-control-allow-origin", origin),
        (b"vary", b"Origin"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]


def _preflight() -> Reply:
    """Yes to a browser of an allowed origin; the origin itself is added to every answer."""
    headers = [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
        (b"access-control-max-age", b"7200"),
    ]
    return Reply(204, headers=headers)


async def _authorise(call: _Call) -> KeyVerdict:
    """Who sends. Raises RefusalError (401, 403, 429, 503)."""
    key = apikeys.presented(call.headers.get(b"authorization", b"").decode("latin-1"))
    challenge = ((b"www-authenticate", b"Bearer"),)
    if key is None:
        raise RefusalError(401, "Send Authorization: Bearer with an API key.", headers=challenge)
    try:
        # A server that froze answers nothing and closes nothing: only a clock notices.
        verdict = await asyncio.wait_for(_in_thread(apikeys.verify, key), limits.COMMIT_TIMEOUT_S)
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
    if quota().limited:
        try:
            await _in_thread(quota().admit, verdict.prefix)
        except RefusalError as refusal:
            watch.refused(call.signal, verdict.name, refusal.status)
            raise
    return verdict


async def _in_thread(work: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(_key_checkers(), work, *arguments)


def _check_head(call: _Call, limit_bytes: int) -> None:
    if call.content_type is None:
        raise RefusalError(415, "Send application/x-protobuf or application/json.")
    if call.encoding not in ENCODINGS:
        raise RefusalError(400, "The content encoding must be gzip, deflate, zstd or identity.")
    length = call.headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit_bytes:
        raise too_large(limit_bytes)


async def _send(reply: Reply, send: Send, *, is_head: bool = False) -> None:
    told = {name for name, _ in reply.headers}
    headers = [*reply.headers, *(pair for pair in policies.headers() if pair[0] not in told)]
    if reply.status != 204:
        headers.append((b"content-type", reply.content_type))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else reply.body})


# Made on first use: threads and locks made before a fork do not survive it.
@cache
def _key_checkers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="intake-key")


@cache
def _budget() -> Budget:
    return Budget(2 * settings.PHAROS_INTAKE_BODY_BYTES)
