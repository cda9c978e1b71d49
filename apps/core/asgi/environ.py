"""From an ASGI scope to a WSGI environ (PEP 3333)."""

import functools
import sys
from typing import IO, Any, Final
from urllib.parse import unquote_to_bytes

from apps.core.asgi.files import FileBlocks
from apps.core.asgi.types import Scope

_SAME_FOR_ALL: Final[dict[str, Any]] = {
    "SCRIPT_NAME": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "wsgi.file_wrapper": FileBlocks,
}


def build(scope: Scope, body: IO[bytes], length: int) -> dict[str, Any]:
    """The environ of one request; `length` is the size of `body`."""
    environ = _SAME_FOR_ALL.copy()
    environ["REQUEST_METHOD"] = scope["method"]
    environ["PATH_INFO"] = _path(scope)
    environ["QUERY_STRING"] = scope["query_string"].decode("latin-1")
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope['http_version']}"
    environ["wsgi.url_scheme"] = scope.get("scheme", "http")
    environ["wsgi.input"] = body
    if server := scope.get("server"):
        environ["SERVER_NAME"] = server[0]
        environ["SERVER_PORT"] = str(server[1] or 80)
    if client := scope.get("client"):
        environ["REMOTE_ADDR"] = client[0]
        environ["REMOTE_PORT"] = str(client[1])
    if root := scope.get("root_path"):
        environ["SCRIPT_NAME"] = root.encode().decode("latin-1")
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(environ["SCRIPT_NAME"]) or "/"
    for name, value in scope["headers"]:
        key = _key(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ:
            # HTTP/2 clients may split cookies; everything else is a list.
            separator = "; " if key == "HTTP_COOKIE" else ","
            text = f"{environ[key]}{separator}{text}"
        environ[key] = text
    # Chunked bodies come without it, and Django reads no further than it says.
    environ["CONTENT_LENGTH"] = str(length) if length else ""
    return environ


def _path(scope: Scope) -> str:
    """The decoded path as WSGI wants it: bytes in a latin-1 coat."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        path: str = scope["path"]
        return path.encode().decode("latin-1")
    raw = raw.partition(b"?")[0]
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1")


@functools.lru_cache(maxsize=512)
def _key(name: bytes) -> str | None:
    """The environ's key for a header; None for one that must not pass.

    A header with an underscore would pass for the same with a hyphen (X_Forwarded_For), `Proxy`
    would become HTTP_PROXY, which HTTP clients take for configuration, and the body has been
    joined already.
    """
    lower = name.lower()
    if b"_" in lower or lower in (b"proxy", b"transfer-encoding"):
        return None
    key = lower.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
