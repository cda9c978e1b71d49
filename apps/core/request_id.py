"""The id that follows one request through answers, log lines, tasks and threads."""

import re
import secrets
from contextvars import ContextVar, Token

# Longer or stranger ids could forge log lines or fill indexes.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,128}", re.ASCII)
_current: ContextVar[str | None] = ContextVar("pharos_request_id", default=None)


def current() -> str | None:
    """The id bound in this context; None outside a request."""
    return _current.get()


def accept_or_new(raw: str | None) -> str:
    """`raw` when it is well-formed, else a new random id."""
    if raw is not None and _WELL_FORMED.fullmatch(raw):
        return raw
    return secrets.token_hex(16)


def bind(request_id: str | None) -> Token[str | None]:
    """Make `request_id` the current one of this context; hand the token to `release`."""
    return _current.set(request_id)


def release(token: Token[str | None]) -> None:
    """Undo a `bind` made in the same context."""
    _current.reset(token)
