"""What the limiter says, and how callers are told."""

import math
from dataclasses import dataclass
from typing import ClassVar

from django.http.response import HttpResponseBase

from apps.core.errors import PortalError
from apps.core.ratelimit.policy import Policy


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision: what is left of the quota, and when some of it comes back.

    `retry_after_s` is 0 for what was allowed. `shared` is False where only this process counted.
    """

    allowed: bool
    remaining: int
    reset_s: float
    retry_after_s: float = 0.0
    shared: bool = True


class ThrottledError(PortalError):
    """The caller has used up its quota."""

    code: ClassVar[str] = "throttled"
    status: ClassVar[int] = 429

    def __init__(self, policy: Policy, verdict: Verdict) -> None:
        wait_s = max(1, math.ceil(verdict.retry_after_s))
        super().__init__(
            f"Too many requests: {policy.quota} in {policy.window_s} s are allowed."
            f" Try again in {wait_s} s.",
            {"limit": policy.quota, "window_s": policy.window_s, "retry_after_s": wait_s},
            retry_after_s=wait_s,
        )


def mark(response: HttpResponseBase, policy: Policy, verdict: Verdict) -> None:
    """The two fields of draft-ietf-httpapi-ratelimit-headers-11."""
    reset_s = max(0, math.ceil(verdict.reset_s))
    response.headers["RateLimit-Policy"] = f'"{policy.name}";q={policy.quota};w={policy.window_s}'
    response.headers["RateLimit"] = f'"{policy.name}";r={verdict.remaining};t={reset_s}'
