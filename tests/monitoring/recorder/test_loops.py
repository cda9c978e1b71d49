"""A blocked event loop is told with what blocked it; one that turns is not."""

import asyncio
import threading

from apps.monitoring.recorder import loops


def run(monkeypatch, work):
    """What is told of a loop that runs `work(looked)`; `looked` is set once its stack was read."""
    told, looked, done = [], threading.Event(), threading.Event()
    read = loops._stack_of

    def stack(thread_id):
        found = read(thread_id)
        looked.set()
        return found

    def tell(*event):
        told.append(event)
        done.set()

    monkeypatch.setattr(loops, "_stack_of", stack)
    monkeypatch.setattr(loops, "_tell", tell)

    async def main():
        watch = loops.LoopWatch()
        watch.start()
        work(looked)
        if looked.is_set():
            await asyncio.to_thread(done.wait, 30)
        watch.stop()

    asyncio.run(main())
    return told


def hog(looked):
    """What must not be done on a loop."""
    assert looked.wait(30)


def test_a_blocked_loop_names_the_function_that_blocked_it(monkeypatch):
    ((began, ended, stack),) = run(monkeypatch, hog)
    assert ended - began >= loops.BLOCKED_S * 1e9
    assert any("test_loops.hog:" in frame for frame in stack)


def test_what_is_told_is_a_span_any_detector_understands(monkeypatch):
    kept = []
    monkeypatch.setattr(loops.recorder, "add", kept.append)
    loops._tell(1_000, 400_001_000, ["  asyncio.run:1", "shop.quotes.read:7", "  time.wait:9"])
    ((_, span, ended, name, _, attrs),) = kept
    assert (span.began, ended, name) == (1_000, 400_001_000, "event loop blocked")
    assert attrs["code.function.name"] == "shop.quotes.read"
    assert attrs["code.stacktrace"].splitlines()[0] == "  asyncio.run:1"
