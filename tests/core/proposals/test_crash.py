"""Real workers, killed without warning: no change is lost, none is made twice, none stays half."""

import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.core.proposals.machine import State, advance
from apps.core.proposals.models import Proposal, ProposalEvent
from tests.conftest import child_environment
from tests.core.proposals.conftest import again, approved, counters, counting, person
from tests.core.proposals.kinds import sql
from tests.forking import Forks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("targets")]
FINAL = ("kept", "rolled_back")


class Worker:
    """One process of `tests.core.proposals.crash`."""

    def __init__(self, forks: Forks, instant: str, *words: str) -> None:
        self.instant = instant
        self.process = forks.start(instant, *words)

    def reach(self) -> "Worker":
        """Wait until it says that it is there."""
        for word in ("ready", self.instant):
            assert self.process.stdout.readline().strip() == word
        return self

    def ready(self) -> "Worker":
        assert self.process.stdout.readline().strip() == "ready"
        return self

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def finish(self) -> None:
        """Let it go on to its end."""
        out, log = self.process.communicate("go\n" * 50, timeout=90)
        assert self.process.returncode == 0, log
        assert out.splitlines()[-1:] == ["done"], log


@pytest.fixture(scope="module")
def forks(django_db_setup, django_db_blocker) -> Iterator[Forks]:
    environment = {
        **child_environment("worker", 8000), "PHAROS_RECORDER": "0",
        "DJANGO_SETTINGS_MODULE": "tests.core.proposals.settings",
    }  # fmt: skip
    loaded = Forks("tests.core.proposals.crash", environment)
    yield loaded
    loaded.close()


@pytest.fixture
def start(forks: Forks) -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def make(*words: str) -> Worker:
        started.append(Worker(forks, *words))
        return started[-1]

    yield make
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()


def leases_end() -> None:
    """The dead worker's statement is over at the server, and so is its lease."""
    alone = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    deadline = time.monotonic() + 30
    while sql(alone) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.02)
    Proposal.objects.filter(lease_until__isnull=False).update(lease_until="2000-01-01T00:00Z")
    due()


def freeze_at_work(workers: list[Worker], chance: random.Random) -> int:
    """Stop them somewhere while one holds a change; how many changes they hold, 0: no work left.

    How soon a process gets to work is the machine's business, so chance alone would often miss.
    """
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(0.0, 0.05))
        for worker in workers:
            worker.freeze()
        held = Proposal.objects.filter(lease_token__isnull=False).count()
        if held:
            return held
        for worker in workers:
            worker.thaw()
    return 0


def due() -> None:
    Proposal.objects.filter(next_at__isnull=False).update(next_at="2000-01-01T00:00Z")


def finish(start: Callable[..., Worker], *words: str) -> None:
    """Workers come round, and waiting takes no time, until nothing is left to do."""
    for _ in range(6):
        due()
        start("none", *words).finish()
        if not Proposal.objects.filter(next_at__isnull=False).exists():
            return


def check_history(proposal: Proposal) -> None:
    """Every line follows from the one before, by the machine's own table."""
    state = State.PROPOSED
    lines = ProposalEvent.objects.filter(proposal=proposal).exclude(
        move__in=["propose", "sign", "ask"]
    )
    for line in lines.order_by("pk"):
        assert line.before == state
        state = advance(state, line.move)
        assert line.after == state
    assert state == proposal.state


@pytest.mark.parametrize(
    "instant",
    ["claimed", "before-start", "started", "before-effect", "after-effect", "applied", "measuring",
     "before-verdict"],
)  # fmt: skip
def test_killed_on_the_way_forward_the_change_is_made_once(ann, start, instant):
    proposal = approved(counting(), ann)
    start(instant).reach().kill()
    leases_end()
    finish(start)
    assert again(proposal).state == "kept"
    assert counters() == [1, 1, 1]
    check_history(proposal)


@pytest.mark.parametrize("instant", ["before-undo", "after-undo", "before-undone"])
def test_killed_on_the_way_back_everything_is_put_back(ann, start, instant):
    proposal = approved(counting(), ann)
    start(instant, "fail").reach().kill()
    assert again(proposal).state == "rolling_back"
    leases_end()
    finish(start, "fail")
    assert again(proposal).state == "rolled_back"
    assert counters() == [0, 0, 0]
    check_history(proposal)


def test_while_the_lease_of_a_dead_worker_lasts_nobody_touches_its_target(ann, start):
    proposal = approved(counting(), ann)
    start("after-effect").reach().kill()
    start("none").finish()
    assert again(proposal).state == "applying"
    assert counters() == [1, 1, 0]


def test_four_workers_at_once_make_each_change_once(ann, start):
    sql("INSERT INTO loop_counter SELECT 't' || t, n, 0 FROM generate_series(1, 8) t,"
        " unnest(ARRAY['a', 'b', 'c']) n")  # fmt: skip
    proposals = [approved(counting(f"t{number}"), ann) for number in range(1, 9)]
    for worker in [start("none") for _ in range(4)]:
        worker.finish()
    finish(start)
    assert {again(one).state for one in proposals} == {"kept"}
    assert all(counters(one.target) == [1, 1, 1] for one in proposals)
    for one in proposals:
        check_history(one)
        assert one.events.filter(move="start").count() == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("words", [(), ("fail",)])
def test_killed_anywhere_many_times_no_change_is_made_twice_or_half(start, words):
    ann = person("ann")
    names = [f"t{number}" for number in range(1, 17)]
    sql("INSERT INTO loop_counter SELECT t, n, 0 FROM unnest(%s::text[]) t,"
        " unnest(ARRAY['a', 'b', 'c']) n", [names])  # fmt: skip
    proposals = [approved(counting(name), ann) for name in names]
    chance = random.Random(len(words))
    caught = 0
    for _ in range(7):
        pair = [start("random", *words), start("random", *words)]
        for worker in pair:
            worker.ready()
        held = freeze_at_work(pair, chance)
        for worker in pair:
            worker.kill()
        caught += held
        leases_end()
        if not held:
            break
    assert caught
    finish(start, *words)
    ends = {again(one).state for one in proposals}
    assert ends <= set(FINAL), [(one.state, one.failure) for one in proposals]
    for one in proposals:
        after = [1, 1, 1] if one.state == "kept" else [0, 0, 0]
        assert counters(one.target) == after, one.failure
        check_history(one)
        assert one.events.filter(move="start").count() == 1


def test_connections_cut_while_applying_are_a_failed_run_and_no_half_change(ann, start):
    proposal = approved(counting(), ann)
    worker = start("after-effect").reach()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    worker.process.communicate("go\n", timeout=60)
    leases_end()
    finish(start)
    assert again(proposal).state in FINAL
    assert counters() == ([1, 1, 1] if proposal.state == "kept" else [0, 0, 0])
    assert User.objects.filter(pk=ann.pk).exists()
