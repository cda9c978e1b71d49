"""The page "About this portal": what runs here, and what it lacks."""

import platform
from dataclasses import dataclass, field
from typing import Any, Final

import channels
import django
import granian
from celery import __version__ as celery_version
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from apps.core import masking
from apps.core.embedded import postgresql, redis
from apps.core.embedded.description import Description
from apps.core.embedded.home import Home
from apps.core.health import registry
from apps.monitoring import recorder
from apps.monitoring.store import partitions
from portal.pages import render, staff_page

_RETENTION: Final = {
    "samples": gettext_lazy("Raw points of metrics"),
    "spans": gettext_lazy("Spans"),
    "logs": gettext_lazy("Log lines"),
    "minutes": gettext_lazy("Points per minute"),
    "hours": gettext_lazy("Points per hour"),
    "days": gettext_lazy("Points per day"),
}


@dataclass
class Server:
    """A server this portal stands on."""

    name: str
    origin: str
    version: str
    address: str
    lacks: list[str] = field(default_factory=list)
    error: str = ""


@staff_page
def about(request: HttpRequest) -> HttpResponse:
    """What runs here."""
    context = {
        "title": _("About this portal"),
        "versions": _versions(),
        "servers": [_postgresql(), _redis()],
        "states": registry.read(),
        "facts": _facts(),
        "partitions": _partitions(),
        "retention": [
            (label, settings.PHAROS_RETENTION_HOURS[key]) for key, label in _RETENTION.items()
        ],
        "recording": recorder.enabled(),
        "home": settings.PHAROS_HOME,
    }
    return render(request, "pages/about.html", context)


def _versions() -> list[tuple[str, str]]:
    return [
        ("Pharos", settings.SPECTACULAR_SETTINGS["VERSION"]),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("Celery", celery_version),
        ("Channels", channels.__version__),
        ("Granian", granian.__version__),
    ]


def _postgresql() -> Server:
    server = _server(lambda: postgresql.describe(Home.current()), "PostgreSQL")
    database = connection.settings_dict
    host = database["HOST"] or database["OPTIONS"].get("host") or "localhost"
    port = f":{database['PORT']}" if database["PORT"] else ""
    server.address = f"{host}{port}/{database['NAME']}"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            server.version = cursor.fetchone()[0]
            cursor.execute("SELECT name FROM pg_available_extensions")
            there = {row[0] for row in cursor.fetchall()}
    except DatabaseError:
        server.error = _("It does not answer.")
        return server
    server.lacks = [name for name in postgresql.WANTED_EXTENSIONS if name not in there]
    return server


def _redis() -> Server:
    server = _server(redis.describe, "Redis")
    server.address = masking.dsn(str(settings.CACHES["default"]["LOCATION"]))
    try:
        server.version = get_redis_connection().info("server")["redis_version"]
    except RedisError:
        server.error = _("It does not answer.")
    return server


def _server(describe: Any, name: str) -> Server:
    try:
        found: Description = describe()
    except (OSError, RuntimeError) as error:
        return Server(name, "", "", "", error=str(error))
    return Server(name, found.origin, found.version, "", list(found.lacks))


def _partitions() -> list[tuple[str, int, str, str]]:
    """Table, number of partitions, the first and the last one's day."""
    rows = []
    for table in partitions.TABLES:
        starts = sorted(
            start
            for name in partitions.existing().get(table.table, set())
            if (start := table.start_of(name))
        )
        if starts:
            rows.append((table.table, len(starts), f"{starts[0]:%Y-%m-%d}",
                         f"{table.after(starts[-1]):%Y-%m-%d}"))  # fmt: skip
        else:
            rows.append((table.table, 0, "", ""))
    return rows


def _facts() -> list[tuple[str, list[tuple[str, Any]]]]:
    return [(name, sorted(facts.items())) for name, facts in sorted(registry.facts().items())]
