"""What a browser key allows, remembered for seconds: pages come by the thousand."""

import re
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from django.db import InterfaceError, OperationalError, connection
from django.db.models.signals import post_delete, post_save

from apps.core.errors import UnavailableError
from apps.monitoring.models import BrowserKey

# Also how long a disabled key may live on in the other processes.
_TTL_S: Final = 5.0
_MOST_CACHED: Final = 1024
_WELL_FORMED: Final = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class KeyFacts:
    """One enabled key."""

    key: str
    service: str
    origins: frozenset[str]
    attributes: frozenset[str]
    requests_a_minute: int
    most_series: int


_cache: dict[str, tuple[float, KeyFacts | None]] = {}
_lock = threading.Lock()


def find(key: str) -> KeyFacts | None:
    """What the key allows; None when it is unknown or disabled. Raises UnavailableError."""
    if not _WELL_FORMED.fullmatch(key):
        return None
    now = time.monotonic()
    cached = _cache.get(key)
    if cached is not None and now < cached[0]:
        return cached[1]
    facts = _asked(key)
    with _lock:
        if len(_cache) >= _MOST_CACHED:
            _cache.clear()
        _cache[key] = (now + _TTL_S, facts)
    return facts


def forget(**_: Any) -> None:
    """Drop every answer of this process."""
    with _lock:
        _cache.clear()


def _asked(key: str) -> KeyFacts | None:
    try:
        return _query(key)
    except (OperationalError, InterfaceError) as error:
        # A connection kept since before the server's restart is dead: a fresh one may do.
        if connection.in_atomic_block:
            raise UnavailableError("Keys cannot be checked right now.") from error
        connection.close()
    try:
        return _query(key)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise UnavailableError("Keys cannot be checked right now.") from error


def _query(key: str) -> KeyFacts | None:
    found = BrowserKey.objects.filter(key=key, enabled=True).first()
    if found is None:
        return None
    return KeyFacts(
        found.key, found.service, frozenset(found.origins), frozenset(found.attributes),
        found.requests_a_minute, found.most_series,
    )  # fmt: skip


post_save.connect(forget, sender=BrowserKey, dispatch_uid="browserkeys.forget")
post_delete.connect(forget, sender=BrowserKey, dispatch_uid="browserkeys.forget")
