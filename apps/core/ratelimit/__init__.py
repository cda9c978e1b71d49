"""How many requests a caller may make: a sliding window, exact, kept in Redis.

A view says what is particular to it by attributes, all optional:

`rate_limited = False`      the limit does not apply (health must always answer)
`rate_cost = 5`             what one request takes from the quota; or a mapping of method → cost,
                            or a function of the request (`staticmethod(costs.of_list)`)
`on_limiter_loss = "local"` when Redis is gone: "local" (each process counts for itself, the
                            default), "allow", or "refuse" (503)
"""

from apps.core.ratelimit.limiter import Limiter, limiter
from apps.core.ratelimit.policy import Policy
from apps.core.ratelimit.verdict import ThrottledError, Verdict

__all__ = ["Limiter", "Policy", "ThrottledError", "Verdict", "limiter"]
