"""API keys of the demo, kept for the next one."""

import os
import subprocess
import sys
from collections.abc import Callable

from examples.shop import environment
from examples.shop.launch import PROJECT, LaunchError


def kept(file_name: str, name: str, scopes: list[str], accepted: Callable[[str], bool]) -> str:
    """The key in this file of the shop's folder while the portal accepts it, else a new one.

    Raises LaunchError when none can be made.
    """
    file = environment.state_dir / file_name
    if file.exists() and accepted(key := file.read_text().strip()):
        return key
    wanted = [word for scope in scopes for word in ("--scope", scope)]
    made = subprocess.run(
        [sys.executable, "manage.py", "apikey", name, *wanted],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise LaunchError(f"No API key could be made: {made.stderr.strip()}")
    key = made.stdout.strip()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(key)
    return key
