"""People, targets and a movable clock for the closed loop."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection

from apps.core.proposals import kinds as registry
from apps.core.proposals.execution import run_due
from apps.core.proposals.models import Proposal
from apps.core.proposals.services import decide
from apps.core.proposals.services.propose import Draft, propose
from tests.core.proposals import kinds
from tests.core.proposals.kinds import CounterKind, sql

RIGHTS = ("view", "approve", "reject", "apply", "rollback")


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The three kinds, well-behaved."""
    for kind in kinds.ALL:
        registry.register(kind)
    CounterKind.failing, CounterKind.worth = set(), 1.0
    CounterKind.holds, CounterKind.harm = True, None
    yield
    for kind in kinds.ALL:
        registry.unregister(kind.key)


@pytest.fixture(autouse=True)
def unwoken(monkeypatch) -> None:
    """No broker: the tests are the beat."""
    monkeypatch.setattr("apps.core.proposals.services.waking.wake", lambda: None)


@pytest.fixture
def targets(db) -> Iterator[None]:
    """The scratch table and the counters, and their end."""
    sql("CREATE TABLE loop_scratch (number int, word text)")
    sql("INSERT INTO loop_scratch SELECT n, repeat('x', 200) FROM generate_series(1, 2000) n")
    sql("ANALYZE loop_scratch")
    sql("CREATE TABLE loop_counter (target text, name text, value int)")
    sql("INSERT INTO loop_counter SELECT t, n, 0 FROM unnest(ARRAY['one', 'two']) t,"
        " unnest(ARRAY['a', 'b', 'c']) n")  # fmt: skip
    yield
    if not connection.in_atomic_block:
        sql("DROP TABLE loop_scratch, loop_counter")


def person(name: str, *rights: str) -> User:
    """A member of staff who may do this with proposals; everything when nothing is named."""
    user = User.objects.create_user(name, is_staff=True)
    give(user, *(rights or RIGHTS))
    return user


def give(user: User, *rights: str) -> None:
    names = [f"{right}_proposal" for right in rights]
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))


@pytest.fixture
def ann(db) -> User:
    return person("ann")


@pytest.fixture
def bob(db) -> User:
    return person("bob")


def counting(target: str = "one", by: int = 1, risk: str = "medium", **more) -> Draft:
    """Add to the counters of a target."""
    plan = {"by": by, "risk": risk}
    return Draft("test.counter", target, f"Add {by} to {target}", plan, **more)


def opened(draft: Draft, author="tests") -> Proposal:
    return propose(draft, author).proposal


def counters(target: str = "one") -> list[int]:
    return [row[0] for row in sql(
        "SELECT value FROM loop_counter WHERE target = %s ORDER BY name", [target]
    )]  # fmt: skip


def approved(draft: Draft, *people: User, author="tests") -> Proposal:
    proposal = opened(draft, author)
    for one in people:
        proposal = decide.approve(proposal.pk, one, proposal.plan_hash)
    return proposal


def pass_time(seconds: float) -> None:
    """Let so much time go by: every time of every proposal moves into the past."""
    columns = ("evidence_at", "changed_at", "expires_at", "started_at", "applied_at", "ended_at",
               "next_at", "lease_until")  # fmt: skip
    moved = ", ".join(f"{name} = {name} - %(gone)s" for name in columns)
    gone = {"gone": timedelta(seconds=seconds)}
    # Past the triggers, which let nobody move an approval in time.
    sql("SET session_replication_role = replica")
    sql(f"UPDATE core_proposal SET {moved}", gone)
    sql("UPDATE core_approval SET at = at - %(gone)s", gone)
    sql("RESET session_replication_role")


def work(rounds: int = 12) -> None:
    """Let the worker come round until nothing is left to do; waiting takes no time."""
    for _ in range(rounds):
        if not run_due().handled:
            return
        Proposal.objects.filter(next_at__isnull=False).update(next_at="2000-01-01T00:00Z")


def again(proposal: Proposal) -> Proposal:
    proposal.refresh_from_db()
    return proposal
