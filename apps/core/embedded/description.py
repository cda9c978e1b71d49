"""What the page "About this portal" says of an embedded server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """One server: where it comes from and what it cannot do.

    `origin` is "system", "wheel" or "external" (the environment names a real server; then version
    and path are unknown here and empty).
    """

    server: str
    origin: str
    version: str = ""
    path: str = ""
    lacks: tuple[str, ...] = ()
