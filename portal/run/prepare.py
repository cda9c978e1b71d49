"""Make the database ready in one Django process: create, migrate, collect files, first account.

Run as `python -m portal.run.prepare` between the servers' start and the portal's own. Prints one
JSON object for the launcher; a failure is one sentence on stderr.
"""

import hashlib
import io
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from apps.core.embedded.postgresql import WANTED_EXTENSIONS
from portal.run.plan import PROJECT, RunError
from portal.settings.secrets import given

_OLDEST = 140_000
_OLDEST_REDIS = (6, 2)
# The API pages use Swagger UI.
_UNUSED_STATIC = ["redoc*"]
# Options that Django keeps for itself, and the session's, which a new database does not need.
_NOT_LIBPQ = {"pool", "isolation_level", "server_side_binding", "assume_role", "options"}
_STORAGE = "portal.run.static.CollectedStaticFiles"


def main() -> int:
    """Prepare everything; the exit code is the launcher's."""
    import django
    from django.conf import settings

    try:
        settings.STORAGES["staticfiles"] = {"BACKEND": _STORAGE}
        create_database(settings.DATABASES["default"])
        check_redis(str(settings.CACHES["default"]["LOCATION"]))
        django.setup()
        migrate()
        if not given("DATABASE_URL"):
            create_extensions()
        collect_static(settings.STATIC_ROOT)
        account = first_account(settings.PHAROS_HOME / "admin_password")
    except RunError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(account) + "\n")
    return 0


def create_database(database: dict[str, Any]) -> None:
    """Wait for the server, refuse an old one, create the database when it is absent."""
    name = str(database["NAME"])
    # Our own may have a crash to recover from; somebody else's answers now or is not there.
    with _connect(database, 5.0 if given("DATABASE_URL") else 120.0) as connection:
        version = connection.info.server_version
        if version < _OLDEST:
            raise RunError(
                f"PostgreSQL {version // 10_000} is too old: Pharos needs 14 or newer. "
                "Point DATABASE_URL at a newer server, or leave it out for the embedded one.",
                78,
            )
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if row is None:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except psycopg.Error as error:
                raise RunError(f"The database {name} cannot be created: {error}", 77) from error


def _connect(database: dict[str, Any], deadline_s: float) -> "psycopg.Connection[Any]":
    wanted = {
        "host": database.get("HOST"), "port": database.get("PORT"),
        "user": database.get("USER"), "password": database.get("PASSWORD"),
    }  # fmt: skip
    options = database.get("OPTIONS") or {}
    given = {k: v for k, v in options.items() if k not in _NOT_LIBPQ}
    given |= {k: v for k, v in wanted.items() if v}
    deadline = time.monotonic() + deadline_s
    names = [str(database["NAME"]), "postgres"]
    while True:
        for name in names:
            try:
                return psycopg.connect(dbname=name, autocommit=True, **given)
            except psycopg.OperationalError as error:
                last = str(error).strip().splitlines()[-1]
        if time.monotonic() > deadline or "authentication failed" in last:
            raise RunError(f"PostgreSQL does not let us in: {last}. Check DATABASE_URL.", 69)
        time.sleep(0.1)


def check_redis(url: str, deadline_s: float = 5.0) -> None:
    """Wait for Redis and refuse an old one."""
    import redis

    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            version = str(client.info("server")["redis_version"])
            break
        except redis.RedisError as error:
            if time.monotonic() > deadline or isinstance(error, redis.AuthenticationError):
                raise RunError(f"Redis does not answer: {error}. Check REDIS_URL.", 69) from None
        time.sleep(0.1)
    client.close()
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        raise RunError(
            f"Redis {version} is too old: Pharos needs 6.2 or newer. Check REDIS_URL.", 78
        )


def create_extensions() -> None:
    """In the embedded server, create what its installation offers; on others that is a choice."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_available_extensions"
            " WHERE name = ANY(%s) AND installed_version IS NULL",
            [list(WANTED_EXTENSIONS)],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))


def migrate() -> None:
    """Apply what is missing; the output goes to the log only when it fails."""
    from django.core.management import CommandError, call_command
    from django.db import DatabaseError

    out = io.StringIO()
    try:
        call_command("migrate", interactive=False, verbosity=1, stdout=out, stderr=out)
    except (CommandError, DatabaseError) as error:
        sys.stderr.write(out.getvalue())
        raise RunError(f"The database could not be migrated: {error}") from error


def collect_static(root: Path) -> bool:
    """Collect and compress static files when their sources changed; True when it did."""
    from django.core.management import call_command

    stamp = root / ".sources"
    wanted = _sources()
    if stamp.is_file() and stamp.read_text() == wanted and (root / "staticfiles.json").is_file():
        return False
    try:
        call_command(
            "collectstatic", interactive=False, verbosity=0, clear=True,
            ignore_patterns=_UNUSED_STATIC,
        )  # fmt: skip
        stamp.write_text(wanted)
    except OSError as error:
        raise RunError(f"Static files could not be written: {error}") from error
    return True


def _sources() -> str:
    digest = hashlib.sha256((PROJECT / "requirements.lock").read_bytes())
    # How they are collected decides what comes out as much as what goes in.
    digest.update((PROJECT / "portal/run/static.py").read_bytes())
    folders = [
        PROJECT / "static",
        *PROJECT.glob("apps/*/static"),
        *PROJECT.glob("portal/**/static"),
    ]
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
        found = path.stat()
        digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def first_account(file: Path) -> dict[str, str | None]:
    """Make `admin` on the first run; `password` is None when its owner has changed it."""
    from django.contrib.auth import get_user_model

    users = get_user_model()
    known = users.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if known is not None:
        kept = file.read_text().strip() if file.is_file() else ""
        right = bool(kept) and known.check_password(kept)
        return {"user": known.get_username(), "password": kept if right else None}
    password = secrets.token_urlsafe(12)
    # The file first: an account whose password nobody can read would lock its owner out.
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(password)
    admin, _ = users.objects.get_or_create(username="admin", defaults={"email": "admin@localhost"})
    admin.is_staff = admin.is_superuser = admin.is_active = True
    admin.set_password(password)
    admin.save()
    return {"user": "admin", "password": password}


if __name__ == "__main__":
    sys.exit(main())
