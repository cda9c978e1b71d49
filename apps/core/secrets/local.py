"""Secrets in files."""

import os
import re
import stat
from pathlib import Path
from typing import Final

from apps.core.secrets.base import SecretError

_LONGEST_BYTES: Final = 64 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\Z", re.ASCII)


class Directory:
    """A folder with one file for each secret, which only we (and our group) may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, name: str) -> str:
        """The content of the file of this name. Raises SecretError."""
        if not _NAME.match(name):
            raise SecretError("The name of a secret's file has letters, digits and ._- only.")
        path = self._folder / name
        for place in (self._folder, path):
            self._check(place)
        return read(path)

    @staticmethod
    def _check(place: Path) -> None:
        try:
            mode = place.lstat().st_mode
        except OSError as error:
            raise SecretError(f"{place} cannot be read: {error.strerror}.") from None
        if stat.S_ISLNK(mode):
            # Whoever owns the folder it points to would own the secret.
            raise SecretError(f"{place} is a symbolic link; put the file itself there.")
        wrong = mode & (stat.S_IWGRP | stat.S_IRWXO)
        if wrong:
            right = "750" if stat.S_ISDIR(mode) else "640"
            raise SecretError(f"{place} is open to others; close it: chmod {right} {place}")


def read(path: Path) -> str:
    """The text of a file without the newline editors add at its end. Raises SecretError."""
    try:
        # Never waits for a writer of a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            raw = file.read(_LONGEST_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}.") from None
    if len(raw or b"") > _LONGEST_BYTES:
        raise SecretError(f"{path} is longer than a secret: {_LONGEST_BYTES} bytes at most.")
    try:
        text = (raw or b"").decode()
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not UTF-8 text.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretError(f"{path} is empty.")
    return text
