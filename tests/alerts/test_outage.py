"""Two real Celery workers and two beats at once: one of each killed, PostgreSQL and Redis away."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django_celery_beat.models import PeriodicTask
from redis import Redis

from apps.alerts.models import (
    Cap,
    DigestEntry,
    Enrolment,
    Episode,
    GroupMember,
    Notification,
    Rule,
    Tick,
)
from apps.alerts.services import channels
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.alerts.conftest import Receiver, wait_until
from tests.conftest import child_environment
from tests.forking import Forked, Forks
from tests.monitoring.store.conftest import store  # noqa: F401
from tests.severing import Line, line

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("store", "no_rules")]

WORKER = (
    "worker", "-Q", "high", "--pool", "threads", "-c", "4", "--without-gossip", "--without-mingle",
    "--without-heartbeat", "--loglevel", "WARNING",
)  # fmt: skip
BEAT = ("beat", "--loglevel", "WARNING", "--max-interval", "1")


@dataclass
class House:
    """Workers and beats behind lines that can be cut."""

    database: Line
    redis: Line
    forks: Forks
    logs: Path
    running: list[Forked] = field(default_factory=list)
    _argv: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def start(self, *argv: str) -> Forked:
        name = f"{argv[0]}-{len(self.running)}"
        extra = ("-n", f"{name}@test") if argv[0] == "worker" else ()
        self.running.append(self.forks.start(str(self.logs / name), *argv, *extra))
        self._argv[self.running[-1].pid] = argv
        return self.running[-1]

    def revive(self) -> None:
        """As a supervisor: kombu lets a worker end when it loses Redis at an awkward moment."""
        for process in self.running:
            if process.poll() is not None and (argv := self._argv.pop(process.pid, None)):
                self.start(*argv)

    def words(self) -> str:
        """Who has ended, and the last lines of every log, for the failure."""
        ends = [str([process.poll() for process in self.running])]
        rows = (PeriodicTask, Tick, Episode, Enrolment, Notification)
        ends += [f"{row.__name__}: {row.objects.count()}" for row in rows]
        for path in sorted(self.logs.iterdir()):
            lines = path.read_text(errors="replace").splitlines()[-5:]
            ends += [f"{path.name}:", *(line[:200] + " … " + line[-200:] for line in lines)]
        return "\n".join(ends)


@pytest.fixture(scope="module")
def lines(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[House]:
    """One loaded process whose servers are reached by lines."""
    near = tmp_path_factory.mktemp("lines")
    known = child_environment("worker", 8000)
    host = Path(connection.settings_dict["OPTIONS"].get("host") or connection.settings_dict["HOST"])
    redis = settings.CACHES["default"]["LOCATION"].removeprefix("unix://")
    at, _, number = redis.partition("?db=")
    # Short paths: a Unix socket has a hundred characters.
    with ExitStack() as stack:
        database = stack.enter_context(line(near / ".s.PGSQL.5432", host / ".s.PGSQL.5432"))
        cache = stack.enter_context(line(near / "redis.sock", Path(at)))
        name = connection.settings_dict["NAME"]
        environment = {
            **known,
            "DATABASE_URL": f"postgresql://postgres@/{name}?host={quote(str(near), safe='')}",
            "REDIS_URL": f"unix://{near}/redis.sock?db={number or 0}",
            "PHAROS_RECORDER": "0",
        }
        forks = Forks("tests.alerts.celeries", environment)
        stack.callback(forks.close)
        yield House(database, cache, forks, tmp_path_factory.mktemp("logs"))


def empty_queues() -> None:
    """Forget what was published for workers that are gone."""
    with closing(Redis.from_url(settings.CACHES["default"]["LOCATION"])) as client:
        client.delete("high", "unacked", "unacked_index")


@pytest.fixture
def house(lines) -> Iterator[House]:
    empty_queues()
    yield lines
    for line_ in (lines.database, lines.redis):
        line_.mend()
    for process in lines.running:
        process.kill()
    for process in lines.running:
        process.communicate()
    lines.running.clear()
    empty_queues()


class Storm:
    """Rules of one metric each, which breach for good from the moment their point is written."""

    def __init__(self, receiver: Receiver, count: int, **fields: float) -> None:
        self.channel = channels.ensure("webhook", receiver.url + "/ok")
        self.receiver = receiver
        self.fired = 0
        for number in range(count):
            Rule.objects.create(
                name=f"rule {number}", metric=f"m{number}", window_s=3600, interval_s=2, for_s=0,
                **fields,
            ).channels.add(self.channel)  # fmt: skip

    def breach(self, count: int) -> None:
        now = time.time_ns()
        names = [f"m{number}" for number in range(self.fired, self.fired + count)]
        rows = [
            Sample(Series(Metric(name, "1", Kind.GAUGE), Resource({}), {}), now, 1.0)
            for name in names
        ]
        committer().ingest(Batch(samples=rows), 30)
        self.fired += count

    def settled(self) -> bool:
        """Whether every breach has its episode, and everything owed is sent or in a digest."""
        # In the order of the way: what moves on meanwhile is met at the next look.
        return not (
            Episode.objects.filter(state="firing").count() < self.fired
            or Enrolment.objects.exists()
            or GroupMember.objects.filter(told_at=None).exists()
            or Notification.objects.exclude(state="sent").exists()
        )

    def prove(self) -> None:
        """One episode a rule and none of them ended; each message came, and once unmarked."""
        assert Episode.objects.count() == self.fired
        assert Episode.objects.filter(ended_at=None).count() == self.fired
        assert not Notification.objects.exclude(purpose="firing").exists()
        came = self.receiver.requests()
        keys = {one["headers"]["Idempotency-Key"] for one in came}
        assert keys == set(Notification.objects.values_list("key", flat=True))
        unmarked = Counter(
            one["headers"]["Idempotency-Key"]
            for one in came
            if one["headers"]["Pharos-May-Repeat"] == "false"
        )
        assert max(unmarked.values()) == 1


def until(done: Callable[[], bool], house: House, timeout_s: float = 90) -> None:
    try:
        wait_until(done, timeout_s)
    except AssertionError as error:
        raise AssertionError(house.words()) from error


@pytest.mark.slow
def test_two_beats_and_two_workers_page_once_and_one_of_each_may_be_killed(house, receiver):
    storm = Storm(receiver, 30, critical=0.9)
    workers = [house.start(*WORKER) for _ in range(2)]
    beats = [house.start(*BEAT) for _ in range(2)]
    storm.breach(10)
    until(lambda: len(receiver.requests()) >= 3, house)
    storm.breach(10)
    workers[0].kill()
    beats[0].kill()
    storm.breach(10)
    until(storm.settled, house)
    storm.prove()
    assert Notification.objects.count() == 30
    assert [process.poll() for process in (workers[1], beats[1])] == [None, None], house.words()
    # Beats did not double their own entries either.
    names = list(PeriodicTask.objects.values_list("name", flat=True))
    assert len(names) == len(set(names)) > 0


@pytest.mark.slow
def test_a_storm_outlives_postgresql_and_redis_within_its_cap(house, receiver):
    storm = Storm(receiver, 40, warning=0.5)
    Cap.objects.create(scope="channel", channel=storm.channel, burst=15, per_hour=1)
    for argv in (WORKER, WORKER, BEAT, BEAT):
        house.start(*argv)
    storm.breach(10)
    until(receiver.requests, house)

    house.database.cut()
    storm.breach(10)
    until(lambda: house.database.refused >= 5, house)
    house.database.mend()
    until(storm.settled, house)

    house.database.freeze()
    storm.breach(10)
    until(lambda: house.database.held >= 2, house)
    house.database.mend()
    until(storm.settled, house)

    ticks = Tick.objects.count()
    house.redis.cut()
    storm.breach(10)
    until(lambda: house.redis.refused >= 3, house)
    house.redis.mend()

    def settled() -> bool:
        house.revive()
        return storm.settled()

    until(settled, house)
    assert Tick.objects.count() > ticks
    storm.prove()
    # What is over the cap waits for the digest; nothing is both or neither.
    told, held = Notification.objects.count(), DigestEntry.objects.count()
    assert (told, held) == (15, 25)
