"""The kinds of bottlenecks, and the cause each stands for."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class BottleneckKind(models.TextChoices):
    """What is wrong."""

    N_PLUS_1_DB = "n_plus_1_db", _("N+1 queries")
    MN_PLUS_1_DB = "mn_plus_1_db", _("repeated group of queries")
    SLOW_DB = "slow_db", _("slow query")
    CONSECUTIVE_DB = "consecutive_db", _("queries one after the other")
    N_PLUS_1_CACHE = "n_plus_1_cache", _("N+1 cache reads")
    N_PLUS_1_API = "n_plus_1_api", _("N+1 calls")
    CONSECUTIVE_HTTP = "consecutive_http", _("calls one after the other")
    SLOW_DOWNSTREAM = "slow_downstream", _("slow downstream service")
    HTTP_OVERHEAD = "http_overhead", _("call queued before it was served")
    LARGE_PAYLOAD = "large_payload", _("large payload")
    OWN_CODE = "own_code", _("time in its own code")
    LOCK_WAIT = "lock_wait", _("lock wait")
    POOL_WAIT = "pool_wait", _("wait for a connection")
    LOOP_LAG = "loop_lag", _("event loop blocked")
    SYNC_IN_ASYNC = "sync_in_async", _("wait for a thread")
    QUEUE_LATENCY = "queue_latency", _("wait in a queue")
    IDLE_IN_TRANSACTION = "idle_in_transaction", _("idle in transaction")
    CACHEABLE = "cacheable", _("same query again and again")
    STAMPEDE = "stampede", _("cache stampede")
    ERRORS = "errors", _("failing requests")
    REGRESSION = "regression", _("slower since a deployment")


class Cause(models.TextChoices):
    """Where the time goes."""

    SQL = "sql", _("SQL")
    CACHE = "cache", _("cache")
    DOWNSTREAM = "downstream", _("downstream")
    CODE = "code", _("own code")
    LOCK = "lock", _("lock")
    QUEUE = "queue", _("queue")
    ERROR = "error", _("error")


_K = BottleneckKind
CAUSES: Final[dict[str, Cause]] = {
    _K.N_PLUS_1_DB: Cause.SQL, _K.MN_PLUS_1_DB: Cause.SQL, _K.SLOW_DB: Cause.SQL,
    _K.CONSECUTIVE_DB: Cause.SQL, _K.CACHEABLE: Cause.SQL, _K.N_PLUS_1_CACHE: Cause.CACHE,
    _K.STAMPEDE: Cause.CACHE, _K.N_PLUS_1_API: Cause.DOWNSTREAM,
    _K.CONSECUTIVE_HTTP: Cause.DOWNSTREAM, _K.SLOW_DOWNSTREAM: Cause.DOWNSTREAM,
    _K.HTTP_OVERHEAD: Cause.DOWNSTREAM, _K.LARGE_PAYLOAD: Cause.DOWNSTREAM,
    _K.OWN_CODE: Cause.CODE, _K.REGRESSION: Cause.CODE, _K.LOOP_LAG: Cause.CODE,
    _K.LOCK_WAIT: Cause.LOCK, _K.IDLE_IN_TRANSACTION: Cause.LOCK, _K.POOL_WAIT: Cause.QUEUE,
    _K.QUEUE_LATENCY: Cause.QUEUE, _K.SYNC_IN_ASYNC: Cause.QUEUE, _K.ERRORS: Cause.ERROR,
}  # fmt: skip
