"""The clock and the broker around the loop: real Celery workers, woken more often than needed."""

import time

import pytest

from apps.core import due, tasks
from apps.core.proposals.services import waking
from portal.celery import app
from tests.conftest import wait_until
from tests.core.proposals.conftest import again, approved, counters, counting


@pytest.fixture
def unwoken() -> None:
    """Here the broker is asked."""


@pytest.fixture(scope="module")
def workers(portal_process) -> None:
    """Two Celery workers that know the test kinds."""
    for _ in range(2):
        process, log = portal_process(
            "worker", "celery", "-A", "portal", "worker", "-Q", "default", "--pool", "threads",
            "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat",
            "--loglevel", "INFO", DJANGO_SETTINGS_MODULE="tests.core.proposals.settings",
        )  # fmt: skip
        wait_until(lambda log=log: "ready." in log.read_text(errors="replace"), process, log)


@pytest.mark.django_db
def test_an_open_proposal_has_the_worker_woken(targets, ann):
    assert tasks.work_on_proposals.name == waking.TASK
    assert waking.TASK not in [one.task for one in due.due()]
    approved(counting("one"), ann)
    (one,) = [one for one in due.due() if one.task == waking.TASK]
    assert one.queue == "default"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_woken_by_two_beats_make_each_change_once(workers, targets, ann):
    one, two = approved(counting("one"), ann), approved(counting("two"), ann)
    deadline = time.monotonic() + 60
    while {again(one).state, again(two).state} != {"kept"} and time.monotonic() < deadline:
        # What two beats send in the same second, and then some.
        for _ in range(2):
            app.send_task(waking.TASK, queue="default")
        time.sleep(0.2)
    assert (one.state, two.state) == ("kept", "kept")
    assert counters("one") == counters("two") == [1, 1, 1]
    assert one.events.filter(move="start").count() == two.events.filter(move="start").count() == 1
