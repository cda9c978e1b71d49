"""The health endpoints on the event loop: they answer with every thread and the database hung."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from http.cookies import CookieError, SimpleCookie
from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpRequest

from apps.core.asgi.replies import send_error, send_json
from apps.core.asgi.types import Receive, Scope, Send, header
from apps.core.errors import NotFoundError, PortalError, UnavailableError
from apps.core.health import readiness, registry, report
from apps.core.health.watch import State
from apps.core.services import apikeys

logger = logging.getLogger(__name__)
# Together below the 500 ms the endpoints promise.
_IDENTITY_S: Final = 0.2
_FIRST_RESULTS_S: Final = 0.2
_CHECKERS: Final = 2


class WrongKeyError(PortalError):
    """The key is wrong, expired or revoked."""

    code: ClassVar[str] = "not_authenticated"
    status: ClassVar[int] = 401

    @property
    def headers(self) -> dict[str, str]:
        """The challenge."""
        return {"WWW-Authenticate": "Bearer"}


class MethodError(PortalError):
    """Health is read only."""

    code: ClassVar[str] = "method_not_allowed"
    status: ClassVar[int] = 405

    @property
    def headers(self) -> dict[str, str]:
        """What is allowed."""
        return {"Allow": "GET, HEAD"}


class Health:
    """/health, /health/ready, /health/detailed and /health/dependencies."""

    def __init__(self) -> None:
        self._checking = 0
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """One HTTP request."""
        try:
            status, body = await self._answer(scope)
        except PortalError as refusal:
            await send_error(scope, send, refusal, close=scope["method"] not in ("GET", "HEAD"))
        else:
            await send_json(send, status, body)

    async def _answer(self, scope: Scope) -> tuple[int, dict[str, Any]]:
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodError(f"{scope['method']} is not allowed here.")
        path = scope["path"].rstrip("/")
        if path == "/health":
            return 200, {"status": "ok"}
        if path == "/health/ready":
            draining = readiness.is_draining()
            return (503 if draining else 200), {"status": "draining" if draining else "ok"}
        render = {
            "/health/detailed": report.detailed,
            "/health/dependencies": report.dependencies,
        }.get(path)
        if render is None:
            raise NotFoundError("There is nothing at this address.")
        allowed, states = await asyncio.gather(self._may_see(scope), _states())
        body = render(states) if allowed else report.summary(states)
        return report.http_status(report.overall(states)), body

    async def _may_see(self, scope: Scope) -> bool:
        """Whether the caller may see more than the status; False when that cannot be found out."""
        key, session = _credentials(scope)
        if key is None and session is None:
            return False
        if self._checking >= _CHECKERS:
            return False
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_CHECKERS, thread_name_prefix="health-identity")
        self._checking += 1
        asked = asyncio.get_running_loop().run_in_executor(self._threads, _identify, key, session)
        asked.add_done_callback(self._checked)
        try:
            return await asyncio.wait_for(asyncio.shield(asked), _IDENTITY_S)
        except (TimeoutError, UnavailableError):
            return False

    def _checked(self, asked: "asyncio.Future[bool]") -> None:
        self._checking -= 1
        # Read, so that a late failure nobody waits for is not reported as lost.
        if not asked.cancelled():
            asked.exception()


async def _states() -> list[State]:
    watches = registry.touch()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _FIRST_RESULTS_S
    # Only on the first read: later ones find results and do not wait.
    while loop.time() < deadline and not all(watch.settled() for watch in watches):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return [watch.state() for watch in watches]


def _credentials(scope: Scope) -> tuple[str | None, str | None]:
    key = apikeys.presented((header(scope, b"authorization") or b"").decode("latin-1"))
    if key is not None:
        return key, None
    raw = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    try:
        morsel = SimpleCookie(raw.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None, None
    return None, morsel.value if morsel else None


def _identify(key: str | None, session_key: str | None) -> bool:
    """In a thread. Raises WrongKeyError, or UnavailableError when the database is away."""
    close_old_connections()
    if key is not None:
        verdict = apikeys.verify(key)
        if verdict is None:
            raise WrongKeyError("This API key is wrong, expired or revoked.")
        return "read" in verdict.scopes
    request = HttpRequest()
    request.session = SessionStore(session_key)
    try:
        user = get_user(request)
    except (DatabaseError, InterfaceError) as error:
        close_old_connections()
        raise UnavailableError("Sessions cannot be read right now.") from error
    return bool(user.is_active and getattr(user, "is_staff", False))
