"""What the alert tests share: a source of figures, rules, and receivers as real processes."""

import contextlib
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from apps.alerts.evaluation import evaluate_due
from apps.alerts.models import Channel, Rule, RuleVersion
from apps.alerts.routing import route
from apps.alerts.services import channels
from apps.monitoring.queries.catalogue import MetricInfo
from apps.monitoring.queries.series import Latest, SeriesQuery
from tests.conftest import PROJECT, child_environment, free_port
from tests.forking import Forked, Forks
from tests.servers import answers, die_with_parent

T0 = datetime(2025, 1, 1, 12, tzinfo=UTC)


@dataclass
class FakeSource:
    """Figures by hand: `values` for every query, or `answer` to look at the query."""

    values: list[tuple[dict[str, str], float | None]] = field(default_factory=list)
    answer: Callable[[SeriesQuery], list[tuple[dict[str, str], float | None]]] | None = None
    error: Exception | None = None
    kind: str = "gauge"
    unit: str = "1"
    asked: int = 0
    end: datetime | None = None

    def latest(self, query: SeriesQuery, window_s: float) -> list[Latest]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        values = self.answer(query) if self.answer else self.values
        return [Latest(labels, value, None) for labels, value in values]

    def info(self, metric: str) -> MetricInfo | None:
        return MetricInfo(metric, self.unit, self.kind, 1)

    def until(self, moment: datetime) -> None:
        self.end = moment

    def expect(self, rules) -> None:
        pass


class Bench:
    """One rule on a clock moved by hand, a tick at a time."""

    def __init__(self, rule: Rule, source: FakeSource) -> None:
        self.rule, self.source = rule, source
        self.now = T0
        Rule.objects.filter(pk=rule.pk).update(next_eval_at=T0)

    def tick(self, *values: float | None, times: int = 1):
        """Evaluate at the next tick with these values, one series each (none: no series), and
        route what follows."""
        for _ in range(times):
            self.now += timedelta(seconds=self.rule.interval_s)
            self.source.values = [
                ({"host": f"h{n}"} if n else {}, value) for n, value in enumerate(values)
            ]
            summary = evaluate_due(self.source, lambda: self.now)
            route(lambda: self.now)
        return summary


@pytest.fixture
def built_in_rules(db) -> None:
    """The rules of the migrations, also where another test's flush has emptied their table."""
    for name in ("0002_built_in_rules", "0010_self_watch_rules", "0111_more_built_in_rules",
                 "0187_rule_of_lost_messages"):  # fmt: skip
        importlib.import_module(f"apps.alerts.migrations.{name}").create(apps, None)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def no_rules(db) -> None:
    """Without the built-in rules."""
    Rule.objects.all().delete()
    RuleVersion.objects.all().delete()


@pytest.fixture
def make_rule(no_rules) -> Callable[..., Rule]:
    def make(*to: Channel, **fields: Any) -> Rule:
        values = {
            "name": "CPU", "metric": "system.cpu.utilization", "warning": 0.8, "critical": 0.9,
            "for_s": 0, "interval_s": 15, **fields,
        }  # fmt: skip
        rule = Rule.objects.create(**values)
        rule.channels.set(to)
        return rule

    return make


@pytest.fixture
def channel(db) -> Channel:
    return channels.ensure("webhook", "https://hooks.example.com/services/s3cr3t-path")


@pytest.fixture
def bench(make_rule, channel, source) -> Bench:
    return Bench(make_rule(channel), source)


@pytest.fixture
def no_wake_ups(monkeypatch) -> list[list[str]]:
    """Collects wake-ups instead of publishing them."""
    woken: list[list[str]] = []
    monkeypatch.setattr("apps.alerts.outbox.kick", lambda kinds: woken.append(sorted(kinds)))
    monkeypatch.setattr("apps.alerts.outbox.wake", lambda task, kwargs=None: None)
    return woken


@dataclass
class Receiver:
    """An HTTP server in a process of its own; the path says how it behaves."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.log.read_text().splitlines()]
        return []

    def wait_for(self, count: int, timeout_s: float = 60) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.requests()) >= count, timeout_s)
        return self.requests()


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Poll until true; fails the test when it never is."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the awaited never happened"
        time.sleep(0.02)


def waits_for_lock() -> bool:
    """Whether another connection to the database waits for one."""
    with connection.cursor() as cursor:
        # What pg_stat_activity shows stands still within a transaction.
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.fixture
def receiver(tmp_path) -> Iterator[Receiver]:
    port, log = free_port(), tmp_path / "received.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.alerts.receiver", str(port), str(log)],
        cwd=PROJECT, preexec_fn=die_with_parent,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(f"{url}/up"))
    yield Receiver(url, log)
    process.kill()
    process.wait()


def load(**environment: str) -> Forks:
    """A process that has loaded `tests.alerts.crash`."""
    known = {**child_environment("worker", 8000), "PHAROS_RECORDER": "0"}
    return Forks("tests.alerts.crash", {**known, **environment})


@pytest.fixture(scope="session")
def forks(django_db_setup, django_db_blocker) -> Iterator[Forks]:
    """One loaded process for every test that kills workers."""
    loaded = load()
    yield loaded
    loaded.close()


class Worker:
    """One process of `tests.alerts.crash`."""

    def __init__(self, forks: Forks, instant: str) -> None:
        self.instant = instant
        self.process: Forked = forks.start(instant)

    def reach(self) -> "Worker":
        """Wait until it says that it is there."""
        assert self.process.stdout.readline().strip() == self.instant
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def finish(self) -> str:
        """Let it go on to its end; what it logged."""
        out, log = self.process.communicate("go\n", timeout=60)
        assert out.splitlines()[-1:] == ["done"], log
        assert self.process.returncode == 0
        return log


@pytest.fixture
def start(forks: Forks) -> Iterator[Callable[[str], Worker]]:
    """`start(instant)` starts a worker; what still runs at the end is killed."""
    started: list[Worker] = []

    def make(instant: str) -> Worker:
        started.append(Worker(forks, instant))
        return started[-1]

    yield make
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()
