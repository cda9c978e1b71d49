"""What every receiver does the same: check a key, read within limits, commit, answer."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final

from django.conf import settings

from apps.core.asgi import policies
from apps.core.asgi.types import Receive, Scope, Send
from apps.core.errors import UnavailableError
from apps.core.services import apikeys
from apps.core.services.apikeys import KeyVerdict
from apps.monitoring import recorder
from apps.monitoring.intake import limits
from apps.monitoring.intake.body import Budget
from apps.monitoring.intake.commit import StoreBusyError, StoreUnavailableError, committer
from apps.monitoring.intake.quota import quota
from apps.monitoring.intake.reply import RefusalError, Reply
from apps.monitoring.store.rows import Batch, Outcome

__all__ = ["Headers", "Receive", "Scope", "Send"]

Headers = Mapping[bytes, bytes]
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Names in lower case."""
    return {name.lower(): value for name, value in scope["headers"]}


def text_of(headers: Headers, name: bytes) -> str:
    """One header as text; "" when absent."""
    return headers.get(name, b"").decode("latin-1").strip()


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run what asks the database or Redis beside the loop. Raises RefusalError (503) when late."""
    call = asyncio.get_running_loop().run_in_executor(_askers(), work, *arguments)
    try:
        # A server that froze answers nothing and closes nothing: only a clock notices.
        return await asyncio.wait_for(call, limits.COMMIT_TIMEOUT_S)
    except UnavailableError as error:
        raise RefusalError(503, error.message, retry_after_s=error.retry_after_s) from None
    except TimeoutError:
        raise busy("The database does not answer right now.") from None


async def decoded(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run decoding beside the loop."""
    return await asyncio.get_running_loop().run_in_executor(_decoders(), work, *arguments)


async def authorise(headers: Headers, scope: str) -> KeyVerdict:
    """Let a key of this scope pass. Raises RefusalError (401, 403, 429, 503)."""
    challenge = ((b"www-authenticate", b"Bearer"),)
    key = apikeys.presented(text_of(headers, b"authorization"))
    if key is None:
        raise RefusalError(401, "Send Authorization: Bearer with an API key.", headers=challenge)
    verdict: KeyVerdict | None = await in_thread(apikeys.verify, key)
    if verdict is None:
        raise RefusalError(401, "The API key is wrong, expired or revoked.", headers=challenge)
    if scope not in verdict.scopes:
        raise RefusalError(403, f"The API key lacks the scope {scope}.")
    if quota().limited:
        await in_thread(quota().admit, verdict.prefix)
    return verdict


async def charge(sender: KeyVerdict, items: int, size_bytes: int) -> None:
    """Count what a key sent against its minute, which it shares with OTLP."""
    if quota().limited:
        await in_thread(quota().charge, sender.prefix, items, size_bytes)


async def commit(batch: Batch) -> Outcome:
    """What became of the batch after COMMIT. Raises RefusalError (503)."""
    if not len(batch):
        return Outcome(0)
    try:
        future = committer().submit(batch)
        return await asyncio.wait_for(asyncio.wrap_future(future), limits.COMMIT_TIMEOUT_S)
    except (StoreBusyError, StoreUnavailableError) as error:
        raise RefusalError(503, str(error), retry_after_s=error.retry_after_s) from None
    except TimeoutError:
        raise busy("The store did not commit in time.") from None


def busy(message: str) -> RefusalError:
    """503: try again soon."""
    return RefusalError(503, message, retry_after_s=limits.BUSY_RETRY_AFTER_S)


async def send(reply: Reply, answer: Send, scope: Scope, *, body_read: bool) -> None:
    """One whole answer with the policies that all answers carry, where it says nothing else.

    HTTP/1 clients are asked to give up a connection whose request body was not read.
    """
    if not body_read and scope["method"] == "POST" and scope["http_version"].startswith("1"):
        reply.headers.append((b"connection", b"close"))
    told = {name for name, _ in reply.headers}
    headers = [*reply.headers, *(pair for pair in policies.headers() if pair[0] not in told)]
    if reply.status != 204:
        headers.append((b"content-type", reply.content_type))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    body = b"" if scope["method"] == "HEAD" else reply.body
    await answer({"type": "http.response.start", "status": reply.status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})


def record(method: str, route: str, status: int, seconds: float) -> None:
    """The receiver's own request, beside those that Django answers."""
    labels = {
        "http.request.method": method if method in _METHODS else "_OTHER",
        "http.route": route,
        "http.response.status_code": status,
    }
    recorder.observe("http.server.request.duration", seconds, labels)


# Made on first use: threads and locks made before a fork do not survive it.
@cache
def _askers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=4, thread_name_prefix="receiver-ask")


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="receiver-decode")


@cache
def budget() -> Budget:
    """Bytes of bodies all receivers of this process hold at once."""
    return Budget(settings.PHAROS_INTAKE_BODY_BYTES)
