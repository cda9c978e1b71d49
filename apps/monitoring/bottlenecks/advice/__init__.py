"""Why a bottleneck is one, and what to do about it, in words and code."""

from collections.abc import Callable
from typing import Final

from apps.monitoring.bottlenecks.advice import calls, queries, waits
from apps.monitoring.bottlenecks.advice.shape import Advice, Facts
from apps.monitoring.bottlenecks.kinds import BottleneckKind

__all__ = ["Advice", "advise"]
_K = BottleneckKind


def advise(kind: str, subject: str, facts: Facts) -> Advice:
    """What is known about a bottleneck of this kind, in the language of who reads it."""
    return _ADVICE[kind](subject, facts)


_ADVICE: Final[dict[str, Callable[[str, Facts], Advice]]] = {
    _K.N_PLUS_1_DB: queries.n_plus_1,
    _K.MN_PLUS_1_DB: queries.mn_plus_1,
    _K.SLOW_DB: queries.slow_db,
    _K.CONSECUTIVE_DB: queries.consecutive_db,
    _K.N_PLUS_1_CACHE: calls.n_plus_1_cache,
    _K.N_PLUS_1_API: calls.n_plus_1_api,
    _K.CONSECUTIVE_HTTP: calls.consecutive_http,
    _K.SLOW_DOWNSTREAM: calls.slow_downstream,
    _K.HTTP_OVERHEAD: calls.http_overhead,
    _K.LARGE_PAYLOAD: calls.large_payload,
    _K.OWN_CODE: calls.own_code,
    _K.LOCK_WAIT: queries.lock_wait,
    _K.POOL_WAIT: waits.pool_wait,
    _K.LOOP_LAG: waits.loop_lag,
    _K.SYNC_IN_ASYNC: waits.sync_in_async,
    _K.QUEUE_LATENCY: waits.queue_latency,
    _K.IDLE_IN_TRANSACTION: queries.idle,
    _K.CACHEABLE: queries.cacheable,
    _K.STAMPEDE: calls.stampede,
    _K.ERRORS: calls.errors,
    _K.REGRESSION: calls.regression,
}
