"""The same small Django twice: as WSGI for the limit, behind the shell for the measurement."""

import os

import django
from django.conf import settings

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only for benchmarks",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ.get("BENCH_DATABASE_HOST", ""),
            "NAME": "postgres",
            "USER": "postgres",
            "CONN_MAX_AGE": 600,
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

from apps.core.asgi import Bridge, Shell  # noqa: E402
from apps.core.asgi.pool import Pool  # noqa: E402


def plain(_request):
    """Does nothing."""
    return HttpResponse("ok")


def orders(_request):
    """Three queries: a list, an aggregate, a detail."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, customer, total FROM bench_order ORDER BY id LIMIT 20")
        rows = [{"id": a, "customer": b, "total": float(c)} for a, b, c in cursor.fetchall()]
        cursor.execute("SELECT count(*), sum(total) FROM bench_order WHERE customer < %s", [50])
        count, total = cursor.fetchone()
        cursor.execute("SELECT id, total FROM bench_order WHERE id = %s", [rows[0]["id"]])
        detail = cursor.fetchone()
    return JsonResponse(
        {"rows": rows, "count": count, "total": float(total), "detail": float(detail[1])}
    )


urlpatterns = [path("plain/", plain), path("orders/", orders)]
wsgi = get_wsgi_application()


async def _nothing(_scope, _receive, _send):
    raise ValueError("not used")


_pool = Pool(int(os.environ.get("PHAROS_WEB_THREADS", "8")), 1024)
application = Shell(
    django=Bridge(wsgi, _pool, body_bytes=1024 * 1024),
    native={"/health": _nothing, "/v1": _nothing},
    websocket=_nothing,
    on_shutdown=[lambda: _pool.drain(5)],
)
