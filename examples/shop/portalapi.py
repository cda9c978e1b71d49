"""The portal as the demo uses it: its public API, with a key."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")
# A key may ask a hundred times a minute.
_PAUSE_S: Final = 2.0


class ApiError(Exception):
    """The portal refused; the text is what it said."""


class BusyError(ApiError):
    """It did not answer, or asked to come again later."""


class ConflictError(ApiError):
    """What was asked does not fit what is there now."""


_KINDS: Final = {409: ConflictError, **dict.fromkeys((429, 502, 503, 504), BusyError)}


class Portal:
    """Calls with one key, each bounded in time."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._key = key

    def get(self, path: str) -> Any:
        """The answer as JSON. Raises ApiError."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The same for a change."""
        return self._ask("POST", path, body)

    def delete(self, path: str) -> None:
        """Away with it. Raises ApiError."""
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        asking = urllib.request.Request(  # noqa: S310 (the portal's own address)
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(asking, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            raise _KINDS.get(error.code, ApiError)(
                f"{method} {path}: {error.code} {said}"
            ) from None
        except OSError as error:
            raise BusyError(f"{method} {path}: no answer ({error})") from None


def until(what: str, found: Callable[[], T | None], within_s: float = 240.0) -> T:
    """What `found` gives, once it gives something. Raises ApiError after `within_s`.

    A portal that is busy is asked again.
    """
    deadline = time.monotonic() + within_s
    trouble = ""
    while True:
        try:
            if result := found():
                return result
        except BusyError as error:
            trouble = f" ({error})"
        if time.monotonic() > deadline:
            raise ApiError(f"Waited {within_s:.0f} s in vain for {what}.{trouble}")
        time.sleep(_PAUSE_S)
