"""The migrated database that every worker copies, made while the workers still load their tests.

A hundred migrations take longer than most modules of tests. `start` runs them in a process that
holds a lock until it ends, however it ends; `ready` waits for that. Without a template a worker
migrates its own database, and says what is wrong with the migrations.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from apps.core.embedded.home import Home

NAME: Final = "pharos_template"
_MAKING: Final = "pharos_template_in_the_making"
PROJECT: Final = Path(__file__).resolve().parents[1]


def _lock() -> Path:
    return Home.current().root / "template.lock"


def start(before: Callable[[], None]) -> "subprocess.Popen[bytes]":
    """Begin to make it; `before` is the `preexec_fn`."""
    log = Home.current().log_dir / "template.log"
    with _lock().open("wb") as lock, log.open("wb") as out:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The lock lives on in the process that inherits it.
        return subprocess.Popen(
            [sys.executable, "-m", "tests.template"], cwd=PROJECT, preexec_fn=before,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=[lock.fileno()],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "PHAROS_ROLE": "cli"},
        )  # fmt: skip


def ready() -> bool:
    """Wait until it was made, or was given up; whether it is there."""
    with _lock().open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    with _server() as server:
        asked = server.execute("SELECT FROM pg_database WHERE datname = %s", [NAME])
        return asked.rowcount == 1


def _server() -> "psycopg.Connection[tuple[object, ...]]":
    where = f"host={Home.current().run_dir} user=postgres dbname=postgres"
    return psycopg.connect(where, autocommit=True)


def main() -> None:
    """Migrate as the test runner would, and give the database its name when it is whole."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from apps.monitoring.recorder.buffer import recorder

    recorder.rest()
    making, name = sql.Identifier(_MAKING), sql.Identifier(NAME)
    with _server() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(making))
        connection.settings_dict["NAME"] = _MAKING
        call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
        call_command("createcachetable")
        connection.close()
        server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(making, name))


if __name__ == "__main__":
    main()
