"""What the recorder adds to a request: three ORM queries on PostgreSQL, 25 rows, JSON.

One process a peer, all pinned to one processor, turns rotating in blocks of 20 counted requests
after 5 that refill the processor's caches. Handlers are called directly: Django's test client goes
round `WSGIHandler.__call__` and makes every peer look cheaper. "Added" is the median over blocks of
the difference to bare in the same round; "bare again" says how much of a figure is noise. "CPU" is
the process's own time, which other work on the machine does not touch: inside the blocks, and "in
all" with the flushing and committing that goes on between them.

The recorder runs as in production: spans, SQL, logs and `/metrics` on, committing to a real store.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import time
from io import BytesIO

PEERS = ("bare", "bare again", "floor", "recorder", "opentelemetry")
BLOCK, WARM = 20, 5
SECONDS = {"wsgi": 60.0, "asgi": 60.0}
LIMIT_US, LIMIT_SHARE = 60.0, 0.03
PUBLISHED = {"wsgi": {"sentry": 1461, "silk": 11778}, "asgi": {"sentry": 2032, "silk": 15829}}
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def view(request, number):  # noqa: ARG001
    """The page that is measured."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType
    from django.http import JsonResponse

    total = Permission.objects.count()
    kind = ContentType.objects.filter(app_label="auth").order_by("pk").first()
    rows = Permission.objects.select_related("content_type").order_by("pk")[:25]
    return JsonResponse(
        {
            "total": total,
            "kind": kind.model,
            "rows": [
                {"id": p.pk, "name": p.name, "code": p.codename, "app": p.content_type.app_label}
                for p in rows
            ],
        }
    )


def __getattr__(name):
    if name == "urlpatterns":
        from django.urls import path

        return [path("bench/<int:number>/", view)]
    raise AttributeError(name)


def floor(get_response):
    """The least that could be called recording: two times a request, two a query."""
    from collections import deque

    from django.db import connections
    from django.utils.decorators import sync_and_async_middleware  # noqa: F401

    kept: deque = deque(maxlen=10_000)

    def wrapper(execute, sql, params, many, context):
        began = time.perf_counter_ns()
        try:
            return execute(sql, params, many, context)
        finally:
            kept.append((sql, time.perf_counter_ns() - began))

    from django.db.backends.signals import connection_created

    def attach(connection, **_):
        connection.execute_wrappers.append(wrapper)

    connection_created.connect(attach, weak=False)
    connections.close_all()
    if asyncio.iscoroutinefunction(get_response) or hasattr(get_response, "_is_coroutine_mark"):

        async def middleware(request):
            began = time.perf_counter_ns()
            response = await get_response(request)
            kept.append((request.path, time.perf_counter_ns() - began))
            return response

        return middleware

    def middleware(request):
        began = time.perf_counter_ns()
        response = get_response(request)
        kept.append((request.path, time.perf_counter_ns() - began))
        return response

    return middleware


floor.sync_capable = floor.async_capable = True


def set_up(peer, mode):
    """Django with the peer's instruments."""
    os.environ["PHAROS_RECORDER"] = "1" if peer == "recorder" else "0"
    os.environ["PHAROS_ROLE"] = "web"
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    from django.conf import settings

    first = {
        "recorder": ["apps.monitoring.recorder.middleware.RecorderMiddleware"],
        "floor": ["benchmarks.recorder.floor"],
    }
    settings.MIDDLEWARE = first.get(peer, []) + MIDDLEWARE
    settings.ROOT_URLCONF = "benchmarks.recorder"
    settings.ALLOWED_HOSTS = ["*"]
    if mode == "asgi":
        # Each request runs in a thread of its own there, and would connect anew.
        settings.DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 4}
        settings.DATABASES["default"]["CONN_MAX_AGE"] = 0
        settings.DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
    if peer == "opentelemetry":
        instrument_with_opentelemetry()
    import django

    django.setup()


def instrument_with_opentelemetry():
    from opentelemetry import trace
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Drop(SpanExporter):
        def export(self, spans):  # noqa: ARG002
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    PsycopgInstrumentor().instrument()


def wsgi_block():
    """A function that answers one request through the WSGI handler."""
    from django.core.handlers.wsgi import WSGIHandler

    handler = WSGIHandler()
    frame = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/bench/7/", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip

    def one():
        response = handler({**frame, "wsgi.input": BytesIO()}, lambda *_: None)
        body = b"".join(response)
        response.close()
        return body

    def block(count):
        times = []
        for _ in range(count):
            began = time.perf_counter_ns()
            one()
            times.append(time.perf_counter_ns() - began)
        return times

    assert len(json.loads(one())["rows"]) == 25
    return block


def asgi_block():
    """The same through the ASGI handler, on one event loop."""
    from django.core.handlers.asgi import ASGIHandler

    handler = ASGIHandler()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "path": "/bench/7/", "raw_path": b"/bench/7/", "query_string": b"", "root_path": "",
        "scheme": "http", "headers": [(b"host", b"localhost")], "server": ("localhost", 80),
    }  # fmt: skip
    loop = asyncio.new_event_loop()

    async def one():
        asked = False
        pieces = []

        async def receive():
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            pieces.append(message.get("body", b""))

        await handler(dict(scope), receive, send)
        return b"".join(pieces)

    async def run(count):
        times = []
        for _ in range(count):
            began = time.perf_counter_ns()
            await one()
            times.append(time.perf_counter_ns() - began)
        return times

    assert len(json.loads(loop.run_until_complete(one()))["rows"]) == 25
    return lambda count: loop.run_until_complete(run(count))


def work(peer, mode, pipe):
    """One peer's process: a block of requests for each message."""
    set_up(peer, mode)
    block = wsgi_block() if mode == "wsgi" else asgi_block()
    block(100)
    began_cpu, requests = time.process_time_ns(), 0
    pipe.send("ready")
    while pipe.recv():
        block(WARM)
        cpu = time.process_time_ns()
        times = block(BLOCK)
        pipe.send((times, (time.process_time_ns() - cpu) / BLOCK))
        requests += WARM + BLOCK
    extra = {}
    if peer == "recorder":
        from apps.monitoring import recorder
        from apps.monitoring.intake.commit import committer

        assert recorder.flush(20)
        extra = {"rows": committer().stats().rows, "rejected": committer().stats().rejected}
    cpu_us = (time.process_time_ns() - began_cpu) / 1000 / requests
    pipe.send((cpu_us, requests, extra))
    pipe.close()


def measure(mode):
    """Rotate the peers' turns; what each block took, and each process's CPU time a request."""
    context = multiprocessing.get_context("spawn")
    running = {}
    for peer in PEERS:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(peer, mode, theirs))
        process.start()
        theirs.close()
        running[peer] = (process, ours)
    for _, pipe in running.values():
        assert pipe.recv() == "ready"
    blocks = {peer: [] for peer in PEERS}
    deadline = time.monotonic() + SECONDS[mode]
    order = list(PEERS)
    while time.monotonic() < deadline:
        order.append(order.pop(0))
        for peer in order:
            pipe = running[peer][1]
            pipe.send("block")
            blocks[peer].append(pipe.recv())
    ends = {}
    for peer, (process, pipe) in running.items():
        pipe.send("")
        ends[peer] = pipe.recv()
        process.join(20)
    return blocks, ends


def report(mode, blocks, ends):
    """Print the table; the figures the limits are about."""
    bare = blocks["bare"]
    base = statistics.median(t for times, _ in bare for t in times) / 1000
    print(f"\n{mode.upper()}, {len(bare)} blocks of {BLOCK} requests a peer, µs")
    heads = ("median", "added", "added %", "added CPU", "CPU in all", "added in all")
    print(f"{'':16}" + "".join(f"{head:>13}" for head in heads))
    figures = {}
    for peer in PEERS:
        median = statistics.median(t for times, _ in blocks[peer] for t in times) / 1000
        pairs = list(zip(blocks[peer], bare, strict=True))
        added = statistics.median(
            statistics.median(own) - statistics.median(other) for (own, _), (other, _) in pairs
        )
        cpu = statistics.median(own - other for (_, own), (_, other) in pairs) / 1000
        whole = ends[peer][0]
        figures[peer] = {"added_us": round(added / 1000, 1), "added_cpu_us": round(cpu, 1)}
        print(
            f"{peer:16}{median:13.0f}{added / 1000:+13.1f}{added / 1000 / base:+13.1%}{cpu:+13.1f}"
            f"{whole:13.0f}{whole - ends['bare'][0]:+13.0f}"
        )
    for peer, added in PUBLISHED[mode].items():
        print(f"{peer:16}{'':13}{added:+13d}   (measured apart, same kind of machine)")
    added, share = figures["recorder"]["added_us"], figures["recorder"]["added_us"] / base
    kept = ends["recorder"][2]
    print(f"recorder: {kept['rows']} rows committed, {kept['rejected']} refused")
    verdict = "within" if added <= LIMIT_US and share <= LIMIT_SHARE else "ABOVE"
    limits = f"+{LIMIT_US:.0f} µs and {LIMIT_SHARE:.0%}"
    print(f"recorder {added:+.1f} µs, {share:+.1%}: {verdict} {limits}")
    return {
        "median_us": round(base), **figures["recorder"], "share": round(share, 4),
        "floor": figures["floor"], "control": figures["bare again"],
        "opentelemetry": figures["opentelemetry"],
    }  # fmt: skip


def main():
    # Everything on one processor: a round trip between two costs five times as much, and varies.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    # Else each peer's dictionaries collide differently, which is worth a percent either way.
    os.environ["PYTHONHASHSEED"] = "0"
    import tests.servers  # noqa: F401 (starts PostgreSQL and Redis for this run)

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ["PHAROS_RECORDER"] = "0"
    import django
    import psycopg

    from apps.core.embedded.home import Home

    run_dir = Home.current().run_dir
    with psycopg.connect(f"host={run_dir} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE pharos")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    summary = {mode: report(mode, *measure(mode)) for mode in ("wsgi", "asgi")}
    print(json.dumps({"benchmark": "recorder", **summary}))


if __name__ == "__main__":
    main()
