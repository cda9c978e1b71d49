"""The portal as the demo uses it: its public API, with a key."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any


class ApiError(Exception):
    """The portal refused; the text is what it said."""


class Portal:
    """Calls of one key. Every call is bounded in time."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._key = key

    def get(self, path: str) -> Any:
        """The answer as JSON. Raises ApiError."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The same for a change."""
        return self._ask("POST", path, body)

    def text(self, path: str, accept: str) -> str:
        """The answer as text."""
        return self._send("GET", path, None, accept).decode()

    def until(self, what: str, found: Callable[[], Any], within_s: float = 120.0) -> Any:
        """What `found` gives, once it gives something. Raises ApiError after `within_s`."""
        deadline = time.monotonic() + within_s
        while True:
            if result := found():
                return result
            if time.monotonic() > deadline:
                raise ApiError(f"Waited {within_s:.0f} s in vain for {what}.")
            # A key may ask a hundred times a minute.
            time.sleep(2)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        answer = self._send(method, path, body, "application/json")
        return json.loads(answer) if answer else None

    def _send(self, method: str, path: str, body: dict[str, Any] | None, accept: str) -> bytes:
        asking = urllib.request.Request(  # noqa: S310 (the portal's own address)
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Accept": accept,
            },
        )
        try:
            with urllib.request.urlopen(asking, timeout=30) as answer:  # noqa: S310
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            raise ApiError(f"{method} {path}: {error.code} {said}") from None
        except OSError as error:
            raise ApiError(f"{method} {path}: {type(error).__name__}") from None
