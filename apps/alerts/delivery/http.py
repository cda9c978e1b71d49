"""Talking to a provider's HTTP API: bounded as a whole, checked against SSRF, classified."""

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from apps.alerts.delivery.base import Delivered
from apps.alerts.models import Outcome
from apps.core.outgoing import (
    Answer,
    BrokenOffError,
    Line,
    NeverAskedError,
    UnreachableError,
    retry_after_s,
)

# All calls of one send together; the dispatcher gives up at 20 s.
BUDGET_S: Final = 15.0
_LEAST_S: Final = 0.2
# 425 Too Early asks for a repeat just as 408 and 429 do.
_TRANSIENT: Final = frozenset({408, 425, 429})


class FailedError(Exception):
    """The provider did not take it; `delivered` says how."""

    def __init__(self, delivered: Delivered) -> None:
        super().__init__(delivered.error)
        self.delivered = delivered


class Caller:
    """Calls of one send, each within what is left of the budget. `service` names it in errors."""

    def __init__(self, service: str, *, budget_s: float = BUDGET_S) -> None:
        self.service = service
        self._until = time.monotonic() + budget_s

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self._until - time.monotonic()

    def json(self, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON. Raises FailedError unless the answer is a 2xx."""
        return self.post(
            url, orjson.dumps(body), {"Content-Type": "application/json", **(headers or {})}
        )

    def form(
        self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST a form. Raises FailedError unless the answer is a 2xx."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.post(url, urlencode(fields).encode(), {**kind, **(headers or {})})

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST bytes. Raises FailedError unless the answer is a 2xx."""
        if self.left_s < _LEAST_S:
            raise FailedError(
                Delivered(Outcome.TRANSIENT, error=f"{self.service} left no time for this call.")
            )
        try:
            with Line(url, whole_s=self.left_s) as line:
                answer = line.post("", body, headers)
        except NeverAskedError as error:
            raise FailedError(Delivered(Outcome.PERMANENT, error=str(error))) from None
        except UnreachableError as error:
            raise FailedError(Delivered(Outcome.TRANSIENT, error=str(error))) from None
        except BrokenOffError as error:
            raise FailedError(Delivered(Outcome.UNKNOWN, error=str(error))) from None
        if not 200 <= answer.status < 300:
            raise FailedError(judged(self.service, answer))
        return answer

    def garbage(self, answer: Answer) -> FailedError:
        """The error for a 2xx that says nothing intelligible: it may have been taken."""
        words = f"{self.service} answered nonsense."
        return FailedError(Delivered(Outcome.UNKNOWN, answer.status, words))


def judged(service: str, answer: Answer) -> Delivered:
    """What an answer other than 2xx means. Its text is left out: it may repeat a secret."""
    words = f"{service} answered {answer.status}."
    if answer.status in _TRANSIENT or answer.status >= 500:
        return Delivered(Outcome.TRANSIENT, answer.status, words, _wait_s(answer))
    return Delivered(Outcome.PERMANENT, answer.status, words)


def parsed(answer: Answer) -> dict[str, Any] | None:
    """The JSON object in an answer; None when there is none."""
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _wait_s(answer: Answer) -> float | None:
    """Seconds asked for by the header, or by the body as Discord does (a fraction)."""
    told = retry_after_s(answer.headers.get("retry-after", ""))
    said = (parsed(answer) or {}).get("retry_after")
    if isinstance(said, int | float) and not isinstance(said, bool) and said >= 0:
        return max(float(said), told or 0.0)
    return told
