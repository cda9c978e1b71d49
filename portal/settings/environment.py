"""Every environment variable Pharos reads: its type, default and bounds.

Nothing is required. A wrong value stops the start with one sentence for each bad variable.
"""

import os
import sys
from collections.abc import Mapping
from ipaddress import ip_network
from urllib.parse import urlsplit

from environs import Env, EnvValidationError
from marshmallow import ValidationError
from marshmallow.validate import OneOf, Range, Regexp

from apps.core.embedded.home import Home, HomeError
from portal.settings import secrets as _secrets


def _networks(values: list[str]) -> None:
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ValidationError(f"{error}. Write it as 10.0.0.0/8, several by commas.") from None


env = Env(eager=False)
home = Home.current()

SECRET_KEY = _secrets.SECRET_KEY
SECRET_KEY_FALLBACKS = _secrets.SECRET_KEY_FALLBACKS
DATABASE = _secrets.DATABASE
REDIS_URL = _secrets.REDIS_URL
SENTRY_DSN = _secrets.SENTRY_DSN
EMAIL = _secrets.EMAIL
DEBUG: bool = env.bool("PHAROS_DEBUG", default=False)
HOSTS: list[str] = env.list("PHAROS_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
ORIGINS: list[str] = env.list("PHAROS_ORIGINS", default=[])
HOST: str = env.str("PHAROS_HOST", default="127.0.0.1")
URL: str = env.str(
    "PHAROS_URL",
    default="",
    validate=Regexp(r"^(https?://[^/\s]+(/\S*)?)?$", error="Write it as https://host[:port]."),
)
# The header by which a proxy says that it was asked over TLS; believed only when named here.
PROXY_HTTPS_HEADER: str = env.str(
    "PHAROS_PROXY_HTTPS_HEADER",
    default="",
    validate=Regexp(r"^[A-Za-z0-9-]*$", error="Name a header, such as X-Forwarded-Proto."),
)
HTTPS_REDIRECT: bool = env.bool("PHAROS_HTTPS_REDIRECT", default=False)
HSTS_S: int = env.int("PHAROS_HSTS_SECONDS", default=31_536_000, validate=Range(0, 63_072_000))
TLS_CERT: str = env.str("PHAROS_TLS_CERT", default="")
TLS_KEY: str = env.str("PHAROS_TLS_KEY", default="")
COMPRESSION: bool = env.bool("PHAROS_COMPRESSION", default=True)
PORT: int = env.int("PORT", default=8000, validate=Range(1, 65535))
WEB_THREADS: int = env.int("PHAROS_WEB_THREADS", default=8, validate=Range(1, 256))
WEB_WAITING: int = env.int("PHAROS_WEB_WAITING", default=1024, validate=Range(0, 10_000))
LOG_LEVEL: str = env.str(
    "PHAROS_LOG_LEVEL", default="INFO", validate=OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
)
LOG_FORMAT: str = env.str("PHAROS_LOG_FORMAT", default="json", validate=OneOf(["json", "console"]))
# A folder for log files beside the console, one a role; none by default.
LOG_DIR: str = env.str("PHAROS_LOG_DIR", default="")
LOG_FILE_BYTES: int = env.int(
    "PHAROS_LOG_FILE_BYTES", default=50 * 1024 * 1024, validate=Range(min=4096)
)
LOG_FILES: int = env.int("PHAROS_LOG_FILES", default=5, validate=Range(1, 100))
RECORDER: bool = env.bool("PHAROS_RECORDER", default=True)
# False: this process sends nothing on to destinations, whatever the rows say.
FORWARD: bool = env.bool("PHAROS_FORWARD", default=True)
# False: rules are judged at their ticks only, not also when figures are written.
EVALUATE_ON_WRITE: bool = env.bool("PHAROS_EVALUATE_ON_WRITE", default=True)
# False: this process applies no proposal, whatever the rows say.
LOOP: bool = env.bool("PHAROS_LOOP", default=True)
PROFILING: bool = env.bool("PHAROS_PROFILING", default=False)
PROFILING_PERCENT: int = env.int(
    "PHAROS_PROFILING_PERCENT", default=10, validate=Range(min=0, max=100)
)
EMAIL_FROM: str = env.str("PHAROS_EMAIL_FROM", default="pharos@localhost")
INTAKE_BODY_BYTES: int = env.int(
    "PHAROS_INTAKE_BODY_BYTES", default=64 * 1024 * 1024, validate=Range(min=1024)
)
# Processes that decode and commit telemetry beside the web; 0: the web does it itself.
INTAKE_PROCESSES: int = env.int(
    "PHAROS_INTAKE_PROCESSES", default=min(4, os.cpu_count() or 1), validate=Range(0, 64)
)
# What one key may send in any minute; 0: without limit.
INTAKE_MINUTE_ITEMS: int = env.int("PHAROS_INTAKE_MINUTE_ITEMS", default=0, validate=Range(min=0))
INTAKE_MINUTE_BYTES: int = env.int("PHAROS_INTAKE_MINUTE_BYTES", default=0, validate=Range(min=0))
# Browser origins that may send telemetry; none by default.
INTAKE_ORIGINS: list[str] = env.list("PHAROS_INTAKE_ORIGINS", default=[])
RETENTION_HOURS: dict[str, int] = {
    "samples": env.int("PHAROS_RETENTION_SAMPLES_HOURS", default=48, validate=Range(min=2)),
    "spans": env.int("PHAROS_RETENTION_SPANS_HOURS", default=72, validate=Range(min=2)),
    "logs": env.int("PHAROS_RETENTION_LOGS_HOURS", default=720, validate=Range(min=2)),
    "minutes": env.int("PHAROS_RETENTION_MINUTES_HOURS", default=720, validate=Range(min=24)),
    "hours": env.int("PHAROS_RETENTION_HOURS_HOURS", default=9600, validate=Range(min=24)),
    "days": env.int("PHAROS_RETENTION_DAYS_HOURS", default=43_800, validate=Range(min=744)),
}
# Log lines older than the hours above are compressed; from these ages on archived, then deleted.
LOG_ARCHIVE_DAYS: int = env.int("PHAROS_LOG_ARCHIVE_DAYS", default=90, validate=Range(min=1))
LOG_DELETE_DAYS: int = env.int("PHAROS_LOG_DELETE_DAYS", default=365, validate=Range(min=1))
ARCHIVE_DIR: str = env.str("PHAROS_ARCHIVE_DIR", default=str(home.root / "archive"))
# Requests in 60 s, by whom: nobody known, a key by its tier, a person (whose pages poll).
RATE_ANONYMOUS: int = env.int("PHAROS_RATE_ANONYMOUS", default=100, validate=Range(min=1))
RATE_STANDARD: int = env.int("PHAROS_RATE_STANDARD", default=100, validate=Range(min=1))
RATE_PREMIUM: int = env.int("PHAROS_RATE_PREMIUM", default=1000, validate=Range(min=1))
RATE_SESSION: int = env.int("PHAROS_RATE_SESSION", default=600, validate=Range(min=1))
TRUSTED_PROXIES: list[str] = env.list("PHAROS_TRUSTED_PROXIES", default=[], validate=_networks)
# Threads that run the parts of batches, beside those that answer requests.
BATCH_THREADS: int = env.int("PHAROS_BATCH_THREADS", default=4, validate=Range(1, 64))
AUDIT_DAYS: int = env.int("PHAROS_AUDIT_DAYS", default=365, validate=Range(min=1))
# Messages, decisions and events of alerts that ended; a noisy rule looks back a day.
ALERT_DAYS: int = env.int("PHAROS_ALERT_DAYS", default=365, validate=Range(min=7))


def _contradictions() -> list[str]:
    """A sentence for each pair of values that cannot go together."""
    found = []
    if bool(TLS_CERT) != bool(TLS_KEY):
        found.append("PHAROS_TLS_CERT and PHAROS_TLS_KEY belong together: set both or none.")
    for name, file in (("PHAROS_TLS_CERT", TLS_CERT), ("PHAROS_TLS_KEY", TLS_KEY)):
        if file and not os.access(file, os.R_OK):
            found.append(f"{name} names {file}, which cannot be read.")
    if HTTPS_REDIRECT and not PROXY_HTTPS_HEADER:
        found.append(
            "PHAROS_HTTPS_REDIRECT needs PHAROS_PROXY_HTTPS_HEADER, or it would redirect for ever."
        )
    if not RETENTION_HOURS["logs"] < LOG_ARCHIVE_DAYS * 24 < LOG_DELETE_DAYS * 24:
        found.append(
            "PHAROS_RETENTION_LOGS_HOURS, PHAROS_LOG_ARCHIVE_DAYS and PHAROS_LOG_DELETE_DAYS"
            " must follow each other: lines are compressed, then archived, then deleted."
        )
    return found


def _refuse(sentences: list[str]) -> None:
    if sentences:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in sentences))
        sys.exit(78)  # EX_CONFIG of sysexits.h


try:
    env.seal()
except EnvValidationError as error:
    wrong = error.error_messages
    told = wrong.items() if isinstance(wrong, Mapping) else ()
    _refuse([f"{name} is wrong: {' '.join(map(str, texts))}" for name, texts in told])
_refuse(_secrets.WRONG or _contradictions())
try:
    SECRET_KEY = SECRET_KEY or home.secret("secret_key")
except HomeError as error:
    _refuse([str(error)])

# The public address is one we answer to and trust forms from, without being told twice.
_parts = urlsplit(URL)
URL_HOST: list[str] = [_parts.hostname] if _parts.hostname else []
URL_ORIGIN: list[str] = [f"{_parts.scheme}://{_parts.netloc}"] if _parts.netloc else []
