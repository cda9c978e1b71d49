"""What a span did, whichever SDK and whichever year's names said it.

Stable names of OpenTelemetry's semantic conventions come first, the old ones they replaced after.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from apps.monitoring.recorder import fingerprint

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
_ERROR: Final = 2


class Category(StrEnum):
    """Where a span's own time goes."""

    ENTRY = "entry"
    DB = "db"
    TRANSACTION = "transaction"  # BEGIN, COMMIT, SAVEPOINT, connect: around statements
    CACHE = "cache"
    HTTP = "http"
    MESSAGING = "messaging"
    POOL = "pool"
    LOOP = "loop"
    HOP = "hop"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Facet:
    """One span by what it did.

    `subject` is what it did it to, without values: a statement, an address, a queue. `text` is the
    statement as it was sent. `size_bytes` is that of the answer's body, None when nobody said.
    """

    category: Category
    subject: str = ""
    text: str = ""
    system: str = ""
    error: str = ""
    size_bytes: int | None = None


_CACHES: Final = frozenset(("redis", "memcached", "memcache", "valkey"))
# What drivers and pools call the wait for a connection: pg (Node), HikariCP and JDBC pools (Java),
# SQLAlchemy and psycopg_pool wrappers.
_POOL: Final = re.compile(
    r"(pool[ ._-]?(acquire|wait|checkout|connect|get)|getconn(ection)?\b|connection[ ._-]pool)",
    re.IGNORECASE,
)
_LOOP: Final = re.compile(r"event[ ._-]?loop[ ._-]?(blocked|lag|delay|stall)", re.IGNORECASE)
_HOP: Final = re.compile(r"(sync_to_async|async_to_sync|run_in_executor|to_thread|thread hop)")
_AROUND: Final = re.compile(
    r"(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|CONNECT|SET|RESET|DISCARD|PING"
    r"|DEALLOCATE)\b|(?:sql\.)?(?:conn|tx|connector)\.|pg\.connect|connect$",
    re.IGNORECASE,
)
_TRANSACTION: Final = re.compile(r"(?:db[ ._-]?)?transaction\b|atomic\b", re.IGNORECASE)
_NUMBERS: Final = re.compile(
    r"(?<=/)(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})(?=/|$)", re.IGNORECASE
)


def first(attrs: Mapping[str, Any], *names: str) -> Any:
    """The first of these attributes that is there; None when none is."""
    for name in names:
        value = attrs.get(name)
        if value is not None and value != "":
            return value
    return None


def number(attrs: Mapping[str, Any], *names: str) -> int | None:
    """A whole number among these attributes; some SDKs send them as text."""
    value = first(attrs, *names)
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def facet(name: str, kind: int, status: int, attrs: Mapping[str, Any], events: Any) -> Facet:
    """What the span did."""
    error = _error(status, attrs, events)
    if kind in (SERVER, CONSUMER):
        size = number(attrs, "http.response.body.size", "http.response_content_length")
        return Facet(Category.ENTRY, name, error=error, size_bytes=size)
    for pattern, category in ((_LOOP, Category.LOOP), (_HOP, Category.HOP), (_POOL, Category.POOL)):
        if pattern.search(name):
            return Facet(category, str(first(attrs, "code.function.name") or name), error=error)
    system = str(first(attrs, "db.system.name", "db.system") or "").lower()
    if system or first(attrs, "db.query.text", "db.statement"):
        return _db(name, attrs, system, error)
    return _other(name, kind, attrs, error)


def _other(name: str, kind: int, attrs: Mapping[str, Any], error: str) -> Facet:
    if "cache.operation" in attrs:
        what = f"{attrs.get('cache.alias', '')} {attrs['cache.operation']}".strip()
        return Facet(Category.CACHE, what, error=error)
    if _TRANSACTION.match(name):
        return Facet(Category.TRANSACTION, "TRANSACTION", error=error)
    if kind == PRODUCER or first(attrs, "messaging.system"):
        where = first(attrs, "messaging.destination.name", "messaging.destination")
        return Facet(Category.MESSAGING, str(where or name), error=error)
    if kind == CLIENT:
        return _call(name, attrs, error)
    return Facet(Category.CODE, name, error=error)


def _db(name: str, attrs: Mapping[str, Any], system: str, error: str) -> Facet:
    text = str(first(attrs, "db.query.text", "db.statement") or "")
    if system in _CACHES:
        operation = str(first(attrs, "db.operation.name", "db.operation") or text or name)
        return Facet(
            Category.CACHE, operation.split(" ", maxsplit=1)[0].upper()[:40], text, system, error
        )
    if _TRANSACTION.fullmatch(name) or first(attrs, "db.operation.name") == "TRANSACTION":
        return Facet(Category.TRANSACTION, "TRANSACTION", text, system, error)
    told = _statement(text) if text else ""
    if not told:
        # Without a text the summary is what tells calls apart.
        told = str(first(attrs, "db.query.summary", "db.operation.name", "db.operation") or name)
        told = told if not (table := first(attrs, "db.collection.name", "db.sql.table")) else (
            told if str(table) in told else f"{told} {table}"
        )  # fmt: skip
    category = Category.TRANSACTION if _AROUND.match(told) else Category.DB
    return Facet(category, told[:2048], text, system, error)


@lru_cache(maxsize=4096)
def _statement(text: str) -> str:
    return fingerprint.statement(text[:16_384]).text


def _call(name: str, attrs: Mapping[str, Any], error: str) -> Facet:
    address = str(first(attrs, "url.full", "http.url") or "")
    peer = first(attrs, "server.address", "peer.service", "net.peer.name", "http.host")
    if not (address or peer or first(attrs, "http.request.method", "http.method", "rpc.system")):
        return Facet(Category.CODE, name, error=error)
    size = number(attrs, "http.response.body.size", "http.response_content_length")
    return Facet(Category.HTTP, _place(name, attrs, address, peer), address, error=error,
                 size_bytes=size)  # fmt: skip


def _place(name: str, attrs: Mapping[str, Any], address: str, peer: Any) -> str:
    """Method, host and path without numbers, so that equal calls are equal."""
    method = str(first(attrs, "http.request.method", "http.method", "rpc.method") or "").upper()
    try:
        parts = urlsplit(address)
        host, path, port = parts.hostname or "", parts.path, parts.port
    except ValueError:
        host, path, port = "", "", None
    host = host or str(peer or "")
    port = port or number(attrs, "server.port", "net.peer.port")
    path = str(first(attrs, "url.template") or _NUMBERS.sub("{id}", path))
    shown = f"{method or name} {host}{f':{port}' if port else ''}{path}"
    return shown.strip()[:500]


def _error(status: int, attrs: Mapping[str, Any], events: Any) -> str:
    """The type of what went wrong; empty when nothing did."""
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and event.get("name") == "exception":
            told = event.get("attrs") or event.get("attributes") or {}
            kind = told.get("exception.type") if isinstance(told, dict) else None
            # Handled and noted is not failed.
            if kind and status == _ERROR:
                return str(kind)[:200]
    if status != _ERROR:
        return ""
    told = first(attrs, "error.type", "http.response.status_code", "http.status_code")
    return str(told or "error")[:200]
