"""Run a server that refuses root, as root, without making an account.

A user namespace maps root to an ordinary uid: files stay owned by root outside, the server sees uid
1000 inside. Where namespaces are forbidden, an unprivileged account that exists already owns the
data and the sockets instead. Nothing outside the state directory changes hands or mode.
"""

import functools
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.core.embedded.home import Home

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
_ACCOUNTS = ("postgres", "nobody")


class NoIdentityError(RuntimeError):
    """Root has no unprivileged identity to run PostgreSQL under; the message says what to do."""


@dataclass(frozen=True)
class Identity:
    """How to run a program unprivileged; `uid` and `gid` only where an account owns the files."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def wrap(self, argv: Sequence[str]) -> list[str]:
        return [*self.prefix, *argv]


def choose(home: Home) -> Identity:
    """The identity for this home's PostgreSQL. Raises NoIdentityError."""
    if os.getuid() != 0:
        return Identity()
    owner = _owner(home.postgresql_dir)
    if owner is not None and owner[0] != 0:
        # Made by an account, or by an ordinary user before somebody tried sudo.
        return _account(*owner)
    if namespaces_work():
        return Identity(_NAMESPACE)
    for name in _ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if shutil.which("setpriv"):
            return _account(found.pw_uid, found.pw_gid)
    raise NoIdentityError(
        "PostgreSQL refuses to run as root, and here there is neither a user namespace nor an "
        "unprivileged account. Run as an ordinary user, or set DATABASE_URL to a server."
    )


@functools.cache
def namespaces_work() -> bool:
    """Whether this kernel lets us make a user namespace."""
    if not shutil.which(_NAMESPACE[0]):
        return False
    probe = subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False)
    return probe.returncode == 0


def _account(uid: int, gid: int) -> Identity:
    prefix = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--")
    return Identity(prefix, uid, gid)


def _owner(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid


def hand_over(identity: Identity, home: Home) -> None:
    """Give the account its data and sockets, and the right to walk through the home."""
    if identity.uid is None or identity.gid is None:
        return
    home.postgresql_dir.mkdir(mode=0o700, exist_ok=True)
    for path in (home.run_dir, home.postgresql_dir, *home.postgresql_dir.rglob("*")):
        if path.lstat().st_uid != identity.uid:
            os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
    if home.root.stat().st_uid == 0:
        os.chown(home.root, 0, identity.gid)
        home.root.chmod(0o710)


def check_reach(identity: Identity, home: Home, program: Path) -> None:
    """Raise NoIdentityError when the identity cannot reach its data or its program."""
    for path in (home.run_dir, program):
        probe = identity.wrap(["test", "-x", str(path)])
        if identity.prefix and subprocess.run(probe, check=False).returncode:
            raise NoIdentityError(
                f"PostgreSQL runs unprivileged and cannot reach {path}: a directory above it is "
                "closed to others. Set PHAROS_HOME to an open place such as /var/lib/pharos, or "
                "set DATABASE_URL to a server."
            )
