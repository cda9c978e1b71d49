"""API keys of the demo, kept for the next one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from examples.shop import environment
from examples.shop.launch import PROJECT, LaunchError


def kept_key(name: str, scopes: list[str], accepted: Callable[[str], bool]) -> str:
    """The key in the file `name` of the shop's folder while it is accepted, else a new one."""
    file = environment.state_dir / name
    if file.exists() and accepted(kept := file.read_text().strip()):
        return kept
    wanted = [word for scope in scopes for word in ("--scope", scope)]
    made = subprocess.run(
        [sys.executable, "manage.py", "apikey", "example shop", *wanted],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise LaunchError(f"No API key could be made: {made.stderr.strip()}")
    key = made.stdout.strip()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(file, key)
    return key


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
