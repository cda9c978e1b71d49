"""A small Django behind the real shell, served by a real Granian in test_bridge.py.

`/control/…` is native: tests open gates and look inside while every thread is held.
"""

import contextvars
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

from django.conf import settings

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only for tests",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    USE_TZ=True,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from apps.core.asgi import Bridge, Shell  # noqa: E402
from apps.core.asgi.pool import Pool  # noqa: E402
from apps.core.asgi.replies import send_json  # noqa: E402

_gates: dict[str, threading.Event] = {}
_notes: dict[str, list] = {}
_variable: contextvars.ContextVar[str | None] = contextvars.ContextVar("leak", default=None)


def gate(name):
    return _gates.setdefault(name, threading.Event())


def note(name, value):
    _notes.setdefault(name, []).append(value)


def echo(request):
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "query": request.META["QUERY_STRING"],
            "cookies": request.COOKIES,
            "length": len(request.body),
            "head": request.body[:64].decode("latin-1"),
            "meta": {k: v for k, v in request.META.items() if isinstance(v, str)},
        }
    )


def hold(request):
    name = request.GET["gate"]
    note("entered", name)
    return HttpResponse("held" if gate(name).wait(30) else "late")


def stream(request):
    """Yields forever until closed; says so in the notes."""

    def chunks():
        try:
            while True:
                note("chunk", 1)
                yield b"x" * 65536
        finally:
            note("closed", threading.current_thread().name)

    note("opened", threading.current_thread().name)
    return StreamingHttpResponse(chunks())


def count(request):
    return StreamingHttpResponse(b"%d\n" % n for n in range(1000))


def live(request):
    """One chunk, then a gate, then another: the first must arrive before the gate opens."""

    def chunks():
        yield b"first\n"
        gate(request.GET["gate"]).wait(30)
        yield b"second\n"

    return StreamingHttpResponse(chunks())


def linger(request):
    """Like `live`, where no gate can be reached any more: waits for a file."""

    def chunks():
        yield b"first\n"
        deadline = time.monotonic() + 30
        while not Path(request.GET["name"]).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield b"second\n"

    return StreamingHttpResponse(chunks())


def broken(request):
    def chunks():
        yield b"part\n"
        raise RuntimeError("broken in the middle")

    return StreamingHttpResponse(chunks())


def file(request):
    return FileResponse(Path(request.GET["name"]).open("rb"))


def variable(request):
    before = _variable.get()
    _variable.set(request.GET["value"])
    time.sleep(0)
    return JsonResponse({"before": before, "now": _variable.get()})


def cookies(request):
    response = HttpResponse("cookies")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def leave(request):
    raise SystemExit(3)


def empty(request):
    return HttpResponse(status=204)


urlpatterns = [
    path("echo/<path:rest>", lambda request, rest: echo(request)),
    *(
        path(view.__name__, view)
        for view in (
            echo, hold, stream, count, live, linger, broken, file, variable, cookies, leave, empty,
        )
    ),
]  # fmt: skip


async def control(scope, receive, send):
    query = parse_qs(scope["query_string"].decode())
    action = scope["path"].rpartition("/")[2]
    if action == "open":
        gate(query["gate"][0]).set()
    elif action == "fail":
        raise RuntimeError("a secret nobody should read")
    await send_json(send, 200, {"pending": pool.pending, "refused": refused, "notes": _notes})


def count_refusal():
    global refused
    refused += 1


refused = 0
pool = Pool(2, 2, slow_s=20, wait_s=20)
application = Shell(
    django=Bridge(
        get_wsgi_application(), pool, body_bytes=4 * 1024 * 1024, on_refused=count_refusal
    ),
    native={"/control": control},
    websocket=control,
    on_shutdown=[lambda: pool.drain(10)],
)
