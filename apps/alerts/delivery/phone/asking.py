"""One bounded request to a provider, and its answer as an outcome."""

from collections.abc import Mapping
from typing import Any, Final

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

# Well inside the deadline of a send.
_WHOLE_S: Final = 12.0
_TRANSIENT: Final = frozenset({408, 425, 429})


def post(endpoint: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer | Delivered:
    """The provider's answer; or what it means that there was none."""
    try:
        with Line(endpoint, whole_s=_WHOLE_S) as line:
            return line.post(path, body, headers)
    except NeverAskedError as error:
        return Delivered(Outcome.PERMANENT, error=str(error))
    except UnreachableError as error:
        return Delivered(Outcome.TRANSIENT, error=str(error))
    except BrokenOffError as error:
        return Delivered(Outcome.UNKNOWN, error=str(error))


def get(endpoint: str, path: str, headers: Mapping[str, str]) -> Any:
    """The JSON of a 200; None for anything else, which may be better next time."""
    try:
        with Line(endpoint, whole_s=_WHOLE_S) as line:
            answer = line.get(path, headers)
    except (UnreachableError, BrokenOffError):
        return None
    return read_json(answer) if answer.status == 200 else None


def refusal(answer: Answer, what: str = "") -> Delivered | None:
    """The outcome of a status that is no 2xx; None for 2xx. `what`: the provider's own code."""
    if 200 <= answer.status < 300:
        return None
    words = f"The provider answered {answer.status}{f' ({what})' if what else ''}."
    if answer.status in _TRANSIENT or answer.status >= 500:
        wait_s = retry_after_s(answer.headers.get("retry-after", ""))
        return Delivered(Outcome.TRANSIENT, answer.status, words, wait_s)
    return Delivered(Outcome.PERMANENT, answer.status, words)


def nonsense(answer: Answer) -> Delivered:
    """A 2xx whose body says nothing we know: it may have been taken."""
    return Delivered(
        Outcome.UNKNOWN, answer.status, "The provider's answer could not be understood."
    )


def read_json(answer: Answer) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return orjson.loads(answer.body)
    except ValueError:
        return None


def dig(found: Any, *path: str | int) -> Any:
    """A value inside JSON from outside; None where the path leads nowhere."""
    for step in path:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and len(found) > step else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found


def code(value: Any) -> str:
    """A provider's code as short text, fit for people."""
    return str(value)[:60] if isinstance(value, str | int) else ""
