"""Event loops that have no turn: a span for each time one was blocked, with what kept it busy.

A task on the loop takes a turn every tenth of a second; a thread looks twice as often whether it
did, and only looks at the loop's stack once it is late. More often would cost an idle portal more
than all its pages.
"""

import asyncio
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

from django.conf import settings

from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import ActiveSpan
from apps.monitoring.recorder.events import SPAN
from apps.monitoring.recorder.spans import INTERNAL

NAME: Final = "event loop blocked"
_TURN_S: Final = 0.1
BLOCKED_S: Final = 0.1
_STACK: Final = 12
_LONGEST: Final = 4000
_LIBRARIES: Final = (str(Path(os.__file__).parent), sys.prefix + os.sep, "<")
_AWAY: Final = "  "


class LoopWatch:
    """Watches one loop until it closes. `start` is called on the loop."""

    def __init__(self) -> None:
        self._turned = perf_counter_ns()
        self._thread_id = threading.get_ident()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, from code that runs on the loop."""
        self._task = asyncio.get_running_loop().create_task(self._turn(), name="pharos-loop-watch")
        threading.Thread(target=self._look, name="pharos-loop-watch", daemon=True).start()

    def stop(self) -> None:
        """End both; the thread within a turn."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()

    async def _turn(self) -> None:
        try:
            while True:
                self._turned = perf_counter_ns()
                await asyncio.sleep(_TURN_S)
        finally:
            self._ended = True

    def _look(self) -> None:
        late: int | None = None
        stack: list[str] = []
        while not self._ended:
            time.sleep(_TURN_S / 2)
            turned = self._turned
            if perf_counter_ns() - turned > (_TURN_S + BLOCKED_S) * 1e9:
                late = turned
                stack = stack or _stack_of(self._thread_id)
            elif late is not None:
                with suppress(Exception):
                    _tell(late + int(_TURN_S * 1e9), turned, stack)
                late, stack = None, []


def _stack_of(thread_id: int) -> list[str]:
    """The innermost frames of a thread, the innermost last: `module.function:line`.

    Those of Python's own library and of installed packages are indented.
    """
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return []
    told = []
    for one, line in list(traceback.walk_stack(frame))[:_STACK]:
        module = one.f_globals.get("__name__", "?")
        away = _AWAY if one.f_code.co_filename.startswith(_LIBRARIES) else ""
        told.append(f"{away}{module}.{one.f_code.co_qualname}:{line}")
    return told[::-1]


def _tell(began: int, ended: int, stack: list[str]) -> None:
    span = ActiveSpan(None)
    span.began = began
    ours = [frame for frame in stack if not frame.startswith(_AWAY)]
    where = (ours or stack or ["unknown:0"])[-1].removeprefix(_AWAY).rpartition(":")[0]
    attrs: dict[str, Any] = {
        "code.function.name": where,
        "code.stacktrace": "\n".join(stack)[-_LONGEST:],
        "process.pid": os.getpid(),
    }
    recorder.add((SPAN, span, max(began, ended), NAME, INTERNAL, attrs))


def watch() -> LoopWatch | None:
    """Watch the running loop; None where nothing is recorded."""
    if not settings.PHAROS_RECORDER:
        return None
    made = LoopWatch()
    made.start()
    return made
