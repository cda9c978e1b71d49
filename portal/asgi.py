"""The one web application: telemetry intake, health and live sockets native, Django in threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
# Sets Django up, which the imports below need: hence their place.
django_application = get_wsgi_application()

# ruff: noqa: E402
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.cache import caches
from django.urls import URLPattern, re_path

from apps.alerts import deadwatch
from apps.core import health
from apps.core.asgi import Bridge, Shell
from apps.core.asgi.pool import Pool
from apps.core.asgi.types import Receive, Scope, Send
from apps.core.health.native import Health
from apps.core.live.facts import facts as live_facts
from apps.core.live.hub import hub
from apps.core.live.wire import with_wire
from apps.core.ratelimit import limiter
from apps.monitoring import recorder
from apps.monitoring.intake.http import application as intake
from apps.monitoring.intake.processes import own as intake_processes
from apps.monitoring.receivers import browser, remote_write
from apps.monitoring.recorder import loops
from portal.routing import websocket_urlpatterns

_DRAIN_S = 60.0
# Pages and API take forms and JSON; telemetry has a handler and a limit of its own.
_BODY_BYTES = 10 * 1024 * 1024


def _prepare_thread() -> None:
    # Django keeps caches in context variables: made here they last as long as the thread.
    caches.all(initialized_only=False)
    for alias in settings.CACHES:
        caches[alias]


async def _no_such_socket(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    await receive()
    await send({"type": "websocket.close", "code": 4404})


_sockets: list[URLPattern] = [*websocket_urlpatterns]
# Without it an unknown address is an exception in the log.
_sockets.append(re_path(r"", _no_such_socket))  # type: ignore[arg-type]
_pool = Pool(settings.PHAROS_WEB_THREADS, settings.PHAROS_WEB_WAITING, prepare=_prepare_thread)


async def _watch_loop() -> None:
    loops.watch()


async def _watch_alerting() -> None:
    deadwatch.start()


async def _drain() -> None:
    await _pool.drain(_DRAIN_S)


async def _leave_intake() -> None:
    await intake_processes().close()


async def _leave_live() -> None:
    await hub().close()


health.describe("rate_limit", limiter.state)
health.describe("web", lambda: {"threads": _pool.threads, "pending": _pool.pending})
health.describe("live", live_facts)
health.describe("intake", lambda: intake_processes().facts())

application = Shell(
    django=Bridge(
        django_application,
        _pool,
        body_bytes=_BODY_BYTES,
        on_refused=lambda: recorder.count("pharos.web.refused", unit="{request}"),
    ),
    native={
        "/v1": intake,
        "/api/v1/write": remote_write.application,
        "/browser": browser.application,
        "/health": Health(),
    },
    websocket=with_wire(AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(_sockets)))),
    on_startup=[_watch_loop, _watch_alerting],
    on_shutdown=[_leave_live, _drain, _leave_intake],
)
