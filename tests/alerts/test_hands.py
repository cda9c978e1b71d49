"""What a worker's own rows wake is done by its own threads."""

import threading

import pytest

from apps.alerts import outbox, tasks
from apps.alerts.hands import Hands


@pytest.fixture
def hands():
    made = Hands()
    made.open()
    yield made
    made.close()


def test_what_is_wanted_while_it_is_being_done_is_done_once_more(hands):
    begun, go, done = (threading.Semaphore(0) for _ in range(3))
    threads = set()

    def work():
        threads.add(threading.current_thread())
        begun.release()
        assert go.acquire(timeout=20)
        done.release()

    assert hands.take("a", work)
    assert begun.acquire(timeout=20)
    for _ in range(3):
        assert hands.take("a", work)
    go.release()
    assert begun.acquire(timeout=20)  # once more, however often it was wanted
    go.release()
    assert done.acquire(timeout=20)
    assert done.acquire(timeout=20)
    assert not begun.acquire(blocking=False)
    assert len(threads) == 1


def test_one_piece_of_work_does_not_wait_for_another_and_a_failure_ends_nothing(hands):
    go, done = threading.Event(), threading.Event()
    assert hands.take("hangs", lambda: go.wait(20))
    assert hands.take("fails", lambda: 1 / 0)
    assert hands.take("fails", done.set)
    assert done.wait(20)
    go.set()


def test_outside_of_a_worker_and_once_it_ends_the_broker_is_told(monkeypatch):
    told, done = [], threading.Event()
    monkeypatch.setattr("celery.current_app.send_task", lambda task, **_: told.append(task))
    made = Hands()
    monkeypatch.setattr(outbox, "hands", made)
    outbox.wake(outbox.DISPATCH_TASK, {"kind": "none"})
    assert told == [outbox.DISPATCH_TASK]
    monkeypatch.setattr(tasks.dispatch_notifications, "run", lambda kind: done.set())
    made.open()
    outbox.wake(outbox.DISPATCH_TASK, {"kind": "none"})
    assert done.wait(20)
    made.close()
    outbox.wake(outbox.DISPATCH_TASK, {"kind": "none"})
    assert told == [outbox.DISPATCH_TASK] * 2
