"""The variables that hold secrets, resolved once at the start."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dj_database_url
import dj_email_url  # type: ignore[import-untyped]

from apps.core.embedded.home import Home
from apps.core.secrets import Resolver, SecretError

_home = Home.current()
_resolver = Resolver(
    os.environ, Path(os.environ.get("PHAROS_SECRETS_DIR") or _home.root / "secrets")
)
# Sentences about what cannot be used; the start ends with them.
WRONG: list[str] = []


def given(name: str) -> bool:
    """Whether a secret variable is set in any of its ways."""
    return _resolver.given(name)


def _read(name: str, default: str = "") -> str:
    try:
        return _resolver.read(name, default)
    except SecretError as error:
        WRONG.append(str(error))
        return default


def _parsed(name: str, default: str, parse: Callable[[str], Any], example: str) -> dict[str, Any]:
    try:
        return dict(parse(_read(name, default)))
    except ValueError:
        # The parsers' own words quote pieces of the address, passwords among them.
        WRONG.append(f"{name} is wrong: Write it as {example}, with odd characters as %XX.")
        return {}


SECRET_KEY: str = _read("PHAROS_SECRET_KEY")
# Former keys: they open old seals and sessions until `rotate_secrets` has run.
SECRET_KEY_FALLBACKS: list[str] = [
    key.strip() for key in _read("PHAROS_SECRET_KEY_FALLBACKS").split(",") if key.strip()
]
DATABASE: dict[str, Any] = _parsed(
    "DATABASE_URL", _home.database_url, dj_database_url.parse,
    "postgresql://user:password@host:5432/name",
)  # fmt: skip
REDIS_URL: str = _read("REDIS_URL", _home.redis_url)
SENTRY_DSN: str = _read("SENTRY_DSN")
EMAIL: dict[str, Any] = _parsed(
    "EMAIL_URL", "smtp://localhost:25", dj_email_url.parse,
    "smtp+tls://user:password@host:587",
)  # fmt: skip
