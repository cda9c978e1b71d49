"""Make, check and revoke API keys."""

import hashlib
import re
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from apps.core import caller
from apps.core.errors import InvalidInputError, UnavailableError
from apps.core.models import ApiKey, Scope, Tier
from apps.core.services import audit

# Also how long a revoked key may live on in the other processes.
_TTL_S: Final = 5.0
_MOST_CACHED: Final = 4096
# Also keeps NUL bytes and other matter PostgreSQL refuses out of the query.
_WELL_FORMED = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """A valid key: who it is and what it may do."""

    prefix: str
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None
    tier: str = Tier.STANDARD


_cache: dict[bytes, tuple[float, KeyVerdict | None]] = {}
_lock = threading.Lock()


def create(
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    tier: str = Tier.STANDARD,
) -> tuple[ApiKey, str]:
    """A new key and its secret text, which is never to be had again. Raises InvalidInputError."""
    name = name.strip()
    if not 1 <= len(name) <= 50 or "\0" in name:
        raise InvalidInputError("The name of a key has 1 to 50 characters.")
    unknown = set(scopes) - set(Scope.values)
    if unknown or not scopes:
        raise InvalidInputError(
            f"A key needs one or more scopes of {', '.join(Scope.values)}.",
            {"unknown": sorted(unknown)},
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInputError("The expiry of a key lies in the future.")
    if tier not in Tier.values:
        raise InvalidInputError(f"The tier of a key is one of {', '.join(Tier.values)}.")
    key = ApiKey(name=name, scopes=sorted(set(scopes)), expiry_date=expires_at, tier=tier)
    secret = str(ApiKey.objects.assign_key(key))
    with transaction.atomic():
        key.save()
    return key, secret


def revoke(prefix: str) -> bool:
    """Revoke the key with this prefix; False when another call did so first or it is unknown."""
    with transaction.atomic():
        done = ApiKey.objects.filter(prefix=prefix, revoked=False).update(revoked=True) == 1
        if done:
            key = ApiKey.objects.get(prefix=prefix)
            audit.record(
                caller.actor(), "apikey.revoke", describe(key),
                {"revoked": False}, {"revoked": True},
            )  # fmt: skip
    forget()
    return done


def describe(key: ApiKey) -> str:
    """How audit trails name a key: never by its id, which holds the hash."""
    return f"{key.name} ({key.prefix})"


def presented(authorization: str) -> str | None:
    """The key in an Authorization header, "" where its place is empty; None for other schemes.

    All who read the header read it here: a key to one must not be none to another.
    """
    words = authorization.split(" ", 1)
    if words[0].lower() != "bearer":
        return None
    return words[1].strip(" ") if len(words) == 2 else ""


def verify(raw_key: str) -> KeyVerdict | None:
    """What a key may do; None when it is wrong, expired or revoked.

    Answers are kept up to 5 s. Raises UnavailableError when the database cannot be asked.
    """
    if not _WELL_FORMED.fullmatch(raw_key):
        return None
    digest = hashlib.sha256(raw_key.encode()).digest()
    now = time.monotonic()
    cached = _cache.get(digest)
    if cached is not None and now < cached[0]:
        return _unexpired(cached[1])
    verdict = _look_up(raw_key)
    with _lock:
        if len(_cache) >= _MOST_CACHED:
            _cache.clear()
        _cache[digest] = (now + _TTL_S, verdict)
    return _unexpired(verdict)


def forget(**_: Any) -> None:
    """Drop every cached answer of this process."""
    with _lock:
        _cache.clear()


def _unexpired(verdict: KeyVerdict | None) -> KeyVerdict | None:
    if verdict is None or verdict.expires_at is None or verdict.expires_at > timezone.now():
        return verdict
    return None


def _look_up(raw_key: str) -> KeyVerdict | None:
    try:
        return _query(raw_key)
    except (OperationalError, InterfaceError) as error:
        # A connection kept since before the server's restart is dead: a fresh one may do.
        if connection.in_atomic_block:
            raise UnavailableError("API keys cannot be checked right now.") from error
        connection.close()
    try:
        return _query(raw_key)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise UnavailableError("API keys cannot be checked right now.") from error


def _query(raw_key: str) -> KeyVerdict | None:
    key = ApiKey.objects.filter(prefix=raw_key[:8], revoked=False).first()
    if key is None or not key.is_valid(raw_key):
        return None
    return KeyVerdict(key.prefix, key.name, frozenset(key.scopes), key.expiry_date, key.tier)


post_save.connect(forget, sender=ApiKey, dispatch_uid="apikeys.forget")
post_delete.connect(forget, sender=ApiKey, dispatch_uid="apikeys.forget")
