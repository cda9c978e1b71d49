"""Run a server that refuses root, as root, without making an account.

A user namespace maps root to an ordinary uid: files stay owned by root outside, the server sees uid
1000 inside. Where namespaces are forbidden an existing unprivileged account is used instead.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


class NoIdentityError(RuntimeError):
    """Root has no unprivileged identity to run PostgreSQL under."""


@functools.cache
def namespaces_work() -> bool:
    """Whether this kernel lets us make a user namespace."""
    if not shutil.which(_NAMESPACE[0]):
        return False
    probe = subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False)
    return probe.returncode == 0


def unprivileged(argv: Sequence[str]) -> list[str]:
    """`argv`, wrapped so that the program does not see uid 0. Unchanged for an ordinary user."""
    if os.getuid() != 0:
        return list(argv)
    if namespaces_work():
        return [*_NAMESPACE, *argv]
    raise NoIdentityError(
        "PostgreSQL refuses to run as root and this kernel forbids user namespaces. "
        "Run as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )
