"""Slack's Web API over plain HTTP: every call is a POST that answers 200 with `ok`."""

from collections.abc import Mapping
from typing import Any, Final

from apps.alerts.delivery.base import Delivered
from apps.alerts.delivery.http import Caller, FailedError, parsed
from apps.alerts.models import Outcome

BASE: Final = "https://slack.com/api"
# docs.slack.dev/reference/methods/chat.postMessage, Errors. All others mean: mend something first.
_PASSING: Final = frozenset(
    {
        "fatal_error", "internal_error", "message_limit_exceeded", "rate_limited", "ratelimited",
        "request_timeout", "service_unavailable", "team_added_to_org", "accesslimited",
    }
)  # fmt: skip


class Api:
    """One send's conversation with Slack."""

    def __init__(self, base: str, token: str, *, budget_s: float) -> None:
        self.caller = Caller("Slack", budget_s=budget_s)
        self._base = (base or BASE).rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A method that writes. Raises FailedError."""
        headers = {**self._headers, "Content-Type": "application/json; charset=utf-8"}
        return self._checked(self.caller.json(f"{self._base}/{method}", body, headers))

    def read(self, method: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """A method that reads: these take forms only. Raises FailedError."""
        return self._checked(self.caller.form(f"{self._base}/{method}", fields, self._headers))

    def _checked(self, answer: Any) -> dict[str, Any]:
        found = parsed(answer)
        if found is None or not isinstance(found.get("ok"), bool):
            raise self.caller.garbage(answer)
        if found["ok"]:
            return found
        # A code of Slack's such as `channel_not_found`; nothing of ours is in it.
        code = str(found.get("error", "unknown"))[:80]
        outcome = Outcome.TRANSIENT if code in _PASSING else Outcome.PERMANENT
        raise FailedError(Delivered(outcome, answer.status, f"Slack refused: {code}."))
