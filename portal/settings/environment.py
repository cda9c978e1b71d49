"""Every environment variable Pharos reads: its type, default and bounds.

Nothing is required. A wrong value stops the start with one sentence for each bad variable.
"""

import sys
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvValidationError
from marshmallow import ValidationError
from marshmallow.validate import OneOf, Range, Regexp

from apps.core.embedded.home import Home, HomeError


def _networks(values: list[str]) -> None:
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ValidationError(f"{error}. Write it as 10.0.0.0/8, several by commas.") from None


env = Env(eager=False)
home = Home.current()

DEBUG: bool = env.bool("PHAROS_DEBUG", default=False)
SECRET_KEY: str = env.str("PHAROS_SECRET_KEY", default="")
# Former keys: they open old seals and sessions until `rotate_secrets` has run.
SECRET_KEY_FALLBACKS: list[str] = env.list("PHAROS_SECRET_KEY_FALLBACKS", default=[])
HOSTS: list[str] = env.list("PHAROS_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
ORIGINS: list[str] = env.list("PHAROS_ORIGINS", default=[])
HOST: str = env.str("PHAROS_HOST", default="127.0.0.1")
URL: str = env.str(
    "PHAROS_URL",
    default="",
    validate=Regexp(r"^(https?://[^/\s]+(/\S*)?)?$", error="Write it as https://host[:port]."),
)
PORT: int = env.int("PORT", default=8000, validate=Range(1, 65535))
DATABASE: dict[str, Any] = env.dj_db_url("DATABASE_URL", default=home.database_url)
REDIS_URL: str = env.str("REDIS_URL", default=home.redis_url)
WEB_THREADS: int = env.int("PHAROS_WEB_THREADS", default=8, validate=Range(1, 256))
WEB_WAITING: int = env.int("PHAROS_WEB_WAITING", default=1024, validate=Range(0, 10_000))
LOG_LEVEL: str = env.str(
    "PHAROS_LOG_LEVEL", default="INFO", validate=OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
)
LOG_FORMAT: str = env.str("PHAROS_LOG_FORMAT", default="json", validate=OneOf(["json", "console"]))
RECORDER: bool = env.bool("PHAROS_RECORDER", default=True)
PROFILING: bool = env.bool("PHAROS_PROFILING", default=False)
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
EMAIL: dict[str, Any] = env.dj_email_url("EMAIL_URL", default="smtp://localhost:25")
EMAIL_FROM: str = env.str("PHAROS_EMAIL_FROM", default="pharos@localhost")
INTAKE_BODY_BYTES: int = env.int(
    "PHAROS_INTAKE_BODY_BYTES", default=64 * 1024 * 1024, validate=Range(min=1024)
)
# Browser origins that may send telemetry; none by default.
INTAKE_ORIGINS: list[str] = env.list("PHAROS_INTAKE_ORIGINS", default=[])
RETENTION_HOURS: dict[str, int] = {
    "samples": env.int("PHAROS_RETENTION_SAMPLES_HOURS", default=48, validate=Range(min=2)),
    "spans": env.int("PHAROS_RETENTION_SPANS_HOURS", default=72, validate=Range(min=2)),
    "logs": env.int("PHAROS_RETENTION_LOGS_HOURS", default=168, validate=Range(min=2)),
    "minutes": env.int("PHAROS_RETENTION_MINUTES_HOURS", default=720, validate=Range(min=24)),
    "hours": env.int("PHAROS_RETENTION_HOURS_HOURS", default=9600, validate=Range(min=24)),
}
# Requests in 60 s, by whom: nobody known, a key by its tier, a person (whose pages poll).
RATE_ANONYMOUS: int = env.int("PHAROS_RATE_ANONYMOUS", default=100, validate=Range(min=1))
RATE_STANDARD: int = env.int("PHAROS_RATE_STANDARD", default=100, validate=Range(min=1))
RATE_PREMIUM: int = env.int("PHAROS_RATE_PREMIUM", default=1000, validate=Range(min=1))
RATE_SESSION: int = env.int("PHAROS_RATE_SESSION", default=600, validate=Range(min=1))
TRUSTED_PROXIES: list[str] = env.list("PHAROS_TRUSTED_PROXIES", default=[], validate=_networks)
AUDIT_DAYS: int = env.int("PHAROS_AUDIT_DAYS", default=365, validate=Range(min=1))

try:
    env.seal()
except EnvValidationError as error:
    wrong = error.error_messages
    for name, messages in wrong.items() if isinstance(wrong, Mapping) else ():
        sys.stderr.write(f"{name} is wrong: {' '.join(map(str, messages))}\n")
    sys.exit(78)  # EX_CONFIG of sysexits.h

try:
    SECRET_KEY = SECRET_KEY or home.secret("secret_key")
except HomeError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(78)

# The public address is one we answer to and trust forms from, without being told twice.
_parts = urlsplit(URL)
URL_HOST: list[str] = [_parts.hostname] if _parts.hostname else []
URL_ORIGIN: list[str] = [f"{_parts.scheme}://{_parts.netloc}"] if _parts.netloc else []
