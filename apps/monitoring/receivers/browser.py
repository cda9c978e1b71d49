"""Telemetry from pages: a native ASGI application for POST /browser/<key>/v1/{traces,logs,metrics}.

The key stands in the address, because `navigator.sendBeacon` sends no headers and a preflight asks
without any. It is public: what binds it is the origin, one service, an allow list of attributes,
and quotas by address and by key. `text/plain` is taken as JSON, so a beacon needs no preflight.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from apps.core.client_address import client_address_of, network_of
from apps.core.ratelimit import Policy, limiter
from apps.monitoring import recorder
from apps.monitoring.intake import limits
from apps.monitoring.intake.body import ENCODINGS, Body, DisconnectedError, too_large
from apps.monitoring.intake.decoding import Decoding, MalformedError
from apps.monitoring.intake.reply import JSON, PROTOBUF, RefusalError, Reply, success
from apps.monitoring.intake.signals import SIGNALS, Signal
from apps.monitoring.receivers import browserkeys, serving, trimming
from apps.monitoring.receivers.browserkeys import KeyFacts
from apps.monitoring.receivers.serving import Receive, Scope, Send

BODY_BYTES: Final = 256 * 1024
ADDRESS: Final = Policy("browser-address", 60)
_TYPES: Final = {
    "application/x-protobuf": PROTOBUF,
    "application/json": JSON,
    "text/plain": JSON,
    # A beacon of a Blob without a type.
    "": JSON,
}
_log = logging.getLogger(__name__)


@dataclass
class _Call:
    """One request, and what is known of it so far."""

    scope: Scope
    headers: serving.Headers
    origin: str
    content_type: bytes | None
    signal: Signal | None = None
    body_read: bool = False
    # Set once the origin is known to be allowed: only then is it named in the answer.
    allowed: str = ""

    @classmethod
    def of(cls, scope: Scope) -> "_Call":
        headers = serving.headers_of(scope)
        kind = serving.text_of(headers, b"content-type").partition(";")[0].strip().lower()
        return cls(scope, headers, serving.text_of(headers, b"origin"), _TYPES.get(kind))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Never raises; a sender that went away gets no answer."""
    begun = time.perf_counter()
    call = _Call.of(scope)
    try:
        reply = await _answer(call, receive)
    except DisconnectedError:
        return
    except RefusalError as refusal:
        reply = refusal.reply(call.content_type or JSON)
    except Exception:  # noqa: BLE001 (whatever it is, senders retry a 503)
        _log.exception("browser_intake_failed")
        reply = serving.busy("The request could not be stored.").reply(call.content_type or JSON)
    if call.allowed:
        reply.headers.append((b"access-control-allow-origin", call.allowed.encode("latin-1")))
        # Scripts may read when to come again.
        reply.headers.append((b"access-control-expose-headers", b"retry-after"))
        # A beacon's answer, opaque as it is, would be an error in the page's console without this.
        reply.headers.append((b"cross-origin-resource-policy", b"cross-origin"))
    reply.headers.append((b"vary", b"Origin"))
    await serving.send(reply, send, scope, body_read=call.body_read)
    route = f"/browser/{{key}}{call.signal.path}" if call.signal else "/browser"
    serving.record(scope["method"], route, reply.status, time.perf_counter() - begun)


async def _answer(call: _Call, receive: Receive) -> Reply:
    _, _, public, path = (*call.scope["path"].split("/", 3), "", "")[:4]
    call.signal = signal = SIGNALS.get(f"/{path}")
    if signal is None:
        raise RefusalError(404, "Telemetry of pages is taken at /browser/<key>/v1/<signal>.")
    facts = await serving.in_thread(_admitted, call, public)
    call.allowed = call.origin
    if call.scope["method"] == "OPTIONS":
        return _preflight()
    if call.scope["method"] != "POST":
        raise RefusalError(405, "Only POST is understood here.", headers=((b"allow", b"POST"),))
    _check_head(call)
    await serving.admit(facts.key)
    body = Body(serving.budget(), BODY_BYTES)
    try:
        await body.read(receive)
        call.body_read = True
        size_bytes = body.size_bytes
        decoding = await serving.decoded(_decode, call, signal, body, facts)
    finally:
        body.release()
    outcome = await serving.commit(decoding.batch)
    rejected = decoding.rejected + outcome.rejected
    await serving.charge(facts.key, outcome.accepted + rejected, size_bytes)
    kept = "duplicate" if outcome.duplicate else "accepted"
    for state, items in ((kept, outcome.accepted), ("rejected", rejected)):
        if items:
            labels = {"signal": f"browser_{signal.path[4:]}", "state": state}
            recorder.count("pharos.intake.items", items, "{item}", labels)
    message = "; ".join(filter(None, (decoding.message(), outcome.message)))
    return success(signal, call.content_type or JSON, rejected, message)


def _admitted(call: _Call, public: str) -> KeyFacts:
    """What the key may do. Raises RefusalError (403, 429) and UnavailableError."""
    # By address first: whoever guesses keys asks the database no more often than this.
    address = client_address_of(call.scope)
    _count(network_of(address), ADDRESS)
    facts = browserkeys.find(public)
    if facts is None:
        raise RefusalError(403, "There is no such browser key, or it is disabled.")
    if not call.origin or call.origin not in facts.origins:
        raise RefusalError(403, "The key does not allow pages of this origin to send.")
    # From here on the page may read why it was refused.
    call.allowed = call.origin
    if call.scope["method"] == "POST":
        _count(public, Policy("browser-key", facts.requests_a_minute))
    return facts


def _count(key: str, policy: Policy) -> None:
    verdict = limiter.take(key, policy)
    if not verdict.allowed:
        recorder.count("pharos.browser.refused", 1, "{request}", {"policy": policy.name})
        raise RefusalError(
            429, f"More than {policy.quota} requests in {policy.window_s} s.",
            retry_after_s=verdict.retry_after_s,
        )  # fmt: skip


def _preflight() -> Reply:
    headers = [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type, content-encoding"),
        (b"access-control-max-age", b"7200"),
    ]
    return Reply(204, headers=headers)


def _check_head(call: _Call) -> None:
    if call.content_type is None:
        raise RefusalError(415, "Send application/x-protobuf, application/json or text/plain.")
    if serving.text_of(call.headers, b"content-encoding").lower() not in ENCODINGS:
        raise RefusalError(400, "The content encoding must be gzip, deflate or identity.")
    length = call.headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > BODY_BYTES:
        raise too_large(BODY_BYTES)


def _decode(call: _Call, signal: Signal, body: Body, facts: KeyFacts) -> Decoding:
    """The rows of a body as its key lets them be. Raises RefusalError (400, 413)."""
    plain = body.decoded(serving.text_of(call.headers, b"content-encoding").lower())
    try:
        decoding = signal.decode(plain, is_json=call.content_type == JSON)
    except MalformedError as error:
        raise RefusalError(400, str(error)) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a body that breaks the decoder would break it again)
        _log.exception("decode_failed", extra={"path": signal.path})
        raise RefusalError(400, "The body could not be decoded.") from None
    trimming.trim(decoding, facts)
    digest = hashlib.blake2b(digest_size=16, person=b"browser")
    digest.update(f"{facts.key}{signal.path}".encode())
    digest.update(plain)
    decoding.batch.key = UUID(bytes=digest.digest())
    decoding.batch.size_bytes = max(len(plain), limits.KEY_BYTES)
    return decoding
