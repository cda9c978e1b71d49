"""A body's way to committed rows, wherever it is walked: in an intake process or in the web."""

import asyncio
import hashlib
import logging
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

from apps.monitoring.intake import limits
from apps.monitoring.intake.body import Body
from apps.monitoring.intake.commit import StoreBusyError, StoreUnavailableError, committer
from apps.monitoring.intake.decoding import Decoding, MalformedError
from apps.monitoring.intake.reply import RefusalError
from apps.monitoring.intake.signals import SIGNALS
from apps.monitoring.intake.timing import clocks, lag_s
from apps.monitoring.store.resolve import SETS_PER_METRIC
from apps.monitoring.store.rows import Batch, Outcome

_log = logging.getLogger(__name__)
_LARGE_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True)
class Job:
    """What an intake process must know of a request besides its body."""

    path: str
    is_json: bool
    encoding: str
    received_ns: int
    # Sent on by another Pharos.
    forwarded: bool = False


@dataclass
class Result:
    """A request whose rows are committed, and what the self-watch wants to know of it."""

    accepted: int = 0
    rejected: int = 0
    message: str = ""
    duplicate: bool = False
    # Reason → items; reason and metric name → data points.
    reasons: dict[str, int] = field(default_factory=dict)
    metrics: list[tuple[str, str, int]] = field(default_factory=list)
    # Seconds from the event in the middle of the batch to COMMIT.
    lag_s: float | None = None
    # Service → seconds its newest event lies before its arrival; negative: its clock is ahead.
    clocks: dict[str, float] = field(default_factory=dict)
    # Data points that went into the overflow series of their metric.
    overflow: int = 0


async def run(job: Job, body: Body) -> Result:
    """Decode and commit. Raises RefusalError; nothing is stored then, or a retry is recognised."""
    loop = asyncio.get_running_loop()
    # Small requests never wait behind a large one.
    decoders = _large() if body.size_bytes > _LARGE_BYTES else _small()
    with committer().expecting():
        decoding = await loop.run_in_executor(decoders, _decode, job, body)
        body.release()
        batch = decoding.batch
        future = _submit(batch) if len(batch) else None
    found = clocks(batch, job.received_ns) if len(batch) else {}
    outcome = await _committed(future) if future else Outcome(0)
    lag = lag_s(batch, time.time_ns()) if outcome.accepted and not outcome.duplicate else None
    if len(batch) > limits.FREED_AT_ONCE:
        loop.run_in_executor(_large(), _free, batch)
    messages = filter(None, (decoding.message(), outcome.message, _overflowed(outcome)))
    return Result(
        outcome.accepted, decoding.rejected + outcome.rejected, "; ".join(messages),
        outcome.duplicate, dict(Counter(decoding.refused) + Counter(outcome.reasons)),
        [(reason, name, n) for (reason, name), n in decoding.by_metric.items()], lag, found,
        outcome.overflow,
    )  # fmt: skip


def _decode(job: Job, body: Body) -> Decoding:
    """The rows of a body, in a worker thread. Raises RefusalError."""
    plain = body.decoded(job.encoding)
    signal = SIGNALS[job.path]
    try:
        decoding = signal.decode(plain, is_json=job.is_json)
    except MalformedError as error:
        raise RefusalError(400, str(error)) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a body that breaks the decoder would break it again)
        _log.exception("decode_failed", extra={"path": signal.path})
        raise RefusalError(400, "The body could not be decoded.") from None
    # Of the uncompressed bytes: a gzip header holds the time, which differs on a retry.
    digest = hashlib.blake2b(plain, digest_size=16, person=signal.path.encode()).digest()
    decoding.batch.key = UUID(bytes=digest)
    decoding.batch.size_bytes = len(plain)
    decoding.batch.forwarded = job.forwarded
    return decoding


def _submit(batch: Batch) -> "Future[Outcome]":
    try:
        return committer().submit(batch)
    except StoreBusyError as error:
        raise RefusalError(503, str(error), retry_after_s=error.retry_after_s) from None


async def _committed(future: "Future[Outcome]") -> Outcome:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), limits.COMMIT_TIMEOUT_S)
    except StoreUnavailableError as error:
        raise RefusalError(503, str(error), retry_after_s=error.retry_after_s) from None
    except TimeoutError:
        raise RefusalError(
            503, "The store did not commit in time.", retry_after_s=limits.BUSY_RETRY_AFTER_S
        ) from None


def _overflowed(outcome: Outcome) -> str:
    if not outcome.overflow:
        return ""
    return (
        f"{outcome.overflow} data points are beyond {SETS_PER_METRIC} sets of attributes of their"
        " metric and counted in its series otel.metric.overflow=true"
    )


def _free(batch: Batch) -> None:
    """Let go of committed rows bit by bit: 100,000 at once would stop every thread for 100 ms."""
    rows: list[Any]
    for rows in (batch.spans, batch.logs, batch.samples, batch.histograms):
        while rows:
            del rows[-limits.FREED_AT_ONCE :]


# Made on first use: threads and locks made before a fork do not survive it.
@cache
def _small() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake-decode")


@cache
def _large() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake-large")
