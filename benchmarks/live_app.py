"""The portal's own application with one live topic more: `bench`, once a second, BENCH_BYTES big.

What computing costs is in the topic's own data.
"""

import os
import time

from apps.core.live import Topic, register
from portal.asgi import application

_FILL = "x" * int(os.environ.get("BENCH_BYTES", "2000"))
_WORK_ROUNDS = 20_000
_spent = [0.0, 0]


def _produce() -> dict[str, object]:
    """Some work, and what all runs so far cost in CPU of their thread."""
    began = time.thread_time()
    total = sum(range(_WORK_ROUNDS))
    _spent[0] += time.thread_time() - began
    _spent[1] += 1
    return {
        "total": total, "runs": _spent[1], "cpu_s": round(_spent[0], 6), "fill": _FILL,
        "sent": time.perf_counter(),
    }  # fmt: skip


register(Topic("bench", 1.0, _produce))

__all__ = ["application"]
