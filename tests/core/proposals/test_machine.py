"""People, detectors, clock, drift and crashes in any order: what must never happen, never does."""

import contextlib
import uuid

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apps.core.errors import PortalError
from apps.core.proposals.errors import IllegalMoveError
from apps.core.proposals.execution import run_due
from apps.core.proposals.machine import BUSY, CHANGED, Move, Risk, State, advance
from apps.core.proposals.models import Approval, Proposal, ProposalEvent
from apps.core.proposals.services import decide, rules
from tests.core.proposals.conftest import counters, counting, opened, pass_time, person
from tests.core.proposals.kinds import CounterKind, sql

NAMES = ("ann", "bob", "cas")
TARGETS = ("one", "two")
UNSURE = (State.APPLYING, State.ROLLING_BACK, State.FAILED)


MOODS = [
    (set(), 1.0, None), (set(), 1.0, None), (set(), -1.0, None), (set(), None, None),
    ({"b"}, 1.0, None), ({"b", "undo a"}, 1.0, None), (set(), 1.0, "worse"),
]  # fmt: skip
OPEN = {State.PROPOSED, State.APPROVED}
SOURCES = {
    Move.APPROVE: {State.PROPOSED}, Move.WITHDRAW: {State.APPROVED},
    Move.REJECT: OPEN, Move.EXPIRE: OPEN, Move.VOID: OPEN,
    Move.START: {State.APPROVED}, Move.APPLIED: {State.APPLYING}, Move.KEEP: {State.MEASURING},
    Move.ROLL_BACK: {State.APPLYING, State.MEASURING, State.KEPT, State.FAILED},
    Move.UNDONE: {State.ROLLING_BACK},
    Move.GIVE_UP: {State.APPLYING, State.MEASURING, State.ROLLING_BACK},
    Move.RESOLVE_KEPT: {State.FAILED}, Move.RESOLVE_UNDONE: {State.FAILED},
}  # fmt: skip


class Killed(BaseException):
    """Stands for a SIGKILL: no handler of ours may catch it."""


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_the_table_knows_every_state_and_ends_where_it_should(state, move):
    if state not in SOURCES[move]:
        with pytest.raises(IllegalMoveError) as refused:
            advance(state, move)
        assert refused.value.details == {"state": state, "move": move}
        return
    after = advance(state, move)
    assert state not in (State.REJECTED, State.EXPIRED, State.VOID, State.ROLLED_BACK)
    assert after is not state
    if after is State.APPLYING:
        assert state is State.APPROVED


class Loop(RuleBasedStateMachine):
    """Everything anybody may do, at any time."""

    def __init__(self):
        super().__init__()
        self.outside = dict.fromkeys(TARGETS, False)
        self.mark = transaction.atomic()
        self.mark.__enter__()
        self.people = {name: person(name) for name in NAMES}
        CounterKind.failing, CounterKind.worth = set(), 1.0
        CounterKind.holds, CounterKind.harm = True, None
        sql("CREATE TABLE loop_counter (target text, name text, value int)")
        sql("INSERT INTO loop_counter SELECT t, n, 0 FROM unnest(ARRAY['one', 'two']) t,"
            " unnest(ARRAY['a', 'b', 'c']) n")  # fmt: skip

    def teardown(self):
        transaction.set_rollback(True)
        self.mark.__exit__(None, None, None)

    def some(self, number):
        rows = list(Proposal.objects.order_by("created_at", "id"))
        return rows[number % len(rows)] if rows else None

    @rule(
        where=st.sampled_from(TARGETS), by=st.integers(1, 3), risk=st.sampled_from(Risk),
        author=st.sampled_from([*NAMES, "detector"]),
    )  # fmt: skip
    def propose(self, where, by, risk, author):
        with contextlib.suppress(PortalError):
            opened(counting(where, by, risk.value), self.people.get(author, author))

    @rule(
        where=st.sampled_from(TARGETS), by=st.integers(1, 3), risk=st.sampled_from(Risk),
        mood=st.sampled_from(MOODS), dies_after=st.integers(-1, 4), rounds=st.integers(0, 3),
    )  # fmt: skip
    def agree(self, where, by, risk, mood, dies_after, rounds):
        """Everybody is for it, and the worker comes round, in this mood of the target."""
        CounterKind.failing, CounterKind.worth, CounterKind.harm = mood
        with contextlib.suppress(PortalError):
            proposal = opened(counting(where, by, risk.value), "detector")
            for name in NAMES[:2]:
                decide.approve(proposal.pk, self.person(name), proposal.plan_hash)
        if dies_after >= 0:
            self.die(dies_after, early=bool(rounds % 2))
            pass_time(61)
        self.work_rounds(rounds)

    @rule()
    def calm(self):
        CounterKind.failing, CounterKind.worth, CounterKind.harm = set(), 1.0, None
        rules.switch("ann", stop=False)
        User.objects.update(is_active=True)

    @rule(number=st.integers(0, 9), name=st.sampled_from(NAMES), stale=st.booleans())
    def approve(self, number, name, stale):
        if (proposal := self.some(number)) is not None:
            seen = "0" * 64 if stale else proposal.plan_hash
            with contextlib.suppress(PortalError):
                decide.approve(proposal.pk, self.person(name), seen)

    @rule(
        number=st.integers(0, 9), name=st.sampled_from(NAMES),
        verb=st.sampled_from(["reject", "apply", "rollback", "kept", "undone"]),
    )  # fmt: skip
    def decide(self, number, name, verb):
        if (proposal := self.some(number)) is None:
            return
        call = {
            "reject": lambda p, u: decide.reject(p, u, "r"),
            "apply": decide.apply_now,
            "rollback": lambda p, u: decide.roll_back(p, u, "r"),
            "kept": lambda p, u: decide.resolve(p, u, kept=True, reason="r"),
            "undone": lambda p, u: decide.resolve(p, u, kept=False, reason="r"),
        }[verb]
        with contextlib.suppress(PortalError):
            call(proposal.pk, self.person(name))

    @rule(name=st.sampled_from(NAMES), active=st.booleans())
    def employ(self, name, active):
        User.objects.filter(username=name).update(is_active=active)

    @rule(enabled=st.booleans())
    def allow(self, enabled):
        rules.set_rule("test.counter", "o*", "ann", enabled=enabled)

    @rule(stop=st.booleans())
    def switch(self, stop):
        rules.switch("ann", stop=stop)

    @rule(seconds=st.sampled_from([5, 11, 11, 61, 61, 400, 50_000]))
    def wait(self, seconds):
        pass_time(seconds)

    @rule(where=st.sampled_from(TARGETS), chance=st.integers(0, 4))
    def drift(self, where, chance):
        if chance:
            return
        sql("UPDATE loop_counter SET value = value + 1000 WHERE target = %s AND name = 'a'",
            [where])  # fmt: skip
        self.outside[where] = True

    @rule(
        failing=st.sets(st.sampled_from(["a", "b", "undo a", "undo b"])),
        worth=st.sampled_from([1.0, -1.0, None]), harm=st.sampled_from([None, "worse"]),
    )  # fmt: skip
    def trouble(self, failing, worth, harm):
        CounterKind.failing, CounterKind.worth, CounterKind.harm = failing, worth, harm

    @rule(rounds=st.integers(1, 3))
    def work(self, rounds):
        self.work_rounds(rounds)

    def work_rounds(self, rounds):
        for _ in range(rounds):
            run_due()

    @rule(after=st.integers(0, 5), early=st.booleans())
    def crash(self, after, early):
        """A worker dies before or after the effect of one of its steps."""
        self.die(after, early=early)

    def die(self, after, *, early):
        left = [after]
        reals = {name: getattr(CounterKind, name) for name in ("apply", "undo", "measure")}

        def dying(name):
            def call(self, *args):
                if early and not left[0]:
                    raise Killed
                found = reals[name](self, *args)
                left[0] -= 1
                if left[0] == -1:
                    raise Killed
                return found

            return call

        with pytest.MonkeyPatch.context() as patched, contextlib.suppress(Killed):
            for name in reals:
                patched.setattr(CounterKind, name, dying(name))
            run_due()

    def person(self, name):
        return User.objects.get(username=name)

    @invariant()
    def one_change_at_a_time(self):
        for target in TARGETS:
            assert Proposal.objects.filter(target=target, state__in=BUSY).count() <= 1

    @invariant()
    def the_history_tells_the_state(self):
        for proposal in Proposal.objects.all():
            state = State.PROPOSED
            lines = ProposalEvent.objects.filter(proposal=proposal).order_by("pk")
            for line in lines.exclude(move__in=["propose", "sign", "ask"]):
                assert line.before == state
                state = advance(state, line.move)
            assert state == proposal.state

    @invariant()
    def nothing_was_begun_without_enough_people(self):
        for proposal in Proposal.objects.filter(started_at__isnull=False):
            signed = Approval.objects.filter(proposal=proposal)
            people = set(signed.values_list("username", flat=True))
            if proposal.risk == Risk.HIGH:
                assert len(people - {proposal.author_name}) >= 2
            elif not people:
                assert proposal.risk == Risk.LOW
                assert proposal.auto_rule_id is not None
            assert proposal.events.filter(move="start").count() == 1
            assert set(signed.values_list("plan_hash", flat=True)) <= {proposal.plan_hash}

    @invariant()
    def the_target_is_the_sum_of_what_was_kept(self):
        for target in TARGETS:
            mine = Proposal.objects.filter(target=target)
            settled = mine.filter(events__move__in=["resolve_kept", "resolve_undone", "give_up"])
            if self.outside[target] or mine.filter(state__in=UNSURE).exists() or settled.exists():
                continue
            kept = mine.filter(state__in=[State.KEPT, State.MEASURING])
            total = sum(proposal.plan["by"] for proposal in kept)
            assert counters(target) == [total] * 3

    @invariant()
    def times_and_outcomes_belong_to_their_states(self):
        for proposal in Proposal.objects.all():
            touched = proposal.state in (*BUSY, *CHANGED)
            assert (proposal.started_at is not None) == touched
            ended = proposal.state not in (
                "proposed", "approved", "applying", "measuring", "rolling_back",
            )  # fmt: skip
            assert (proposal.ended_at is not None) == ended, proposal.state
            if proposal.outcome == "not_measurable":
                assert proposal.gain is None
            assert isinstance(proposal.pk, uuid.UUID)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.django_db
def test_no_order_of_events_breaks_an_invariant():
    run_state_machine_as_test(
        Loop, settings=settings(max_examples=25, stateful_step_count=30, deadline=None)
    )
