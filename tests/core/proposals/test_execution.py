"""Applying, putting back, and who is asked when neither works."""

import uuid

import pytest

from apps.core.errors import ConflictError, InvalidInputError, NotAllowedError
from apps.core.proposals import kinds as registry
from apps.core.proposals.errors import DriftError, IllegalMoveError
from apps.core.proposals.execution import run_due
from apps.core.proposals.models import LoopSwitch, Proposal, ProposalStep
from apps.core.proposals.services import decide, rules
from tests.core.proposals.conftest import (
    again,
    approved,
    counters,
    counting,
    opened,
    pass_time,
    person,
    work,
)
from tests.core.proposals.kinds import CounterKind, sql

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("targets")]


def test_a_step_that_fails_puts_the_done_ones_back_and_hides_the_secret(ann):
    proposal = approved(counting(), ann)
    CounterKind.failing = {"b"}
    work()
    assert again(proposal).state == "rolled_back"
    assert proposal.outcome == "apply_failed"
    assert "“b” failed" in proposal.failure
    assert "hunter2" not in proposal.failure
    assert counters() == [0, 0, 0]


def test_a_step_that_lies_is_found_out(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "apply", lambda self, step: None)
    proposal = approved(counting(), ann)
    work()
    assert again(proposal).state == "rolled_back"
    assert "not to be seen at the target" in proposal.failure


@pytest.fixture
def failed(ann):
    """A change whose second step failed, and whose first could not be undone."""
    proposal = approved(counting(), ann)
    CounterKind.failing = {"b", "undo a"}
    work()
    CounterKind.failing = set()
    return again(proposal)


def test_when_putting_back_fails_too_a_person_is_needed_and_the_target_stays_blocked(failed, ann):
    assert failed.state == "failed"
    assert "“b” failed" in failed.failure
    assert "Undoing “a” failed" in failed.failure
    assert counters() == [1, 0, 0]
    other = approved(counting(by=5), ann)
    work()
    assert again(other).state == "approved"
    assert counters() == [1, 0, 0]


def test_putting_back_is_tried_some_times_before_a_person_is_asked(ann):
    proposal = approved(counting(), ann)
    CounterKind.failing = {"b", "undo a"}
    work(1)
    assert again(proposal).state == "rolling_back"
    CounterKind.failing = set()
    work()
    assert again(proposal).state == "rolled_back"
    assert counters() == [0, 0, 0]


def test_a_person_lets_it_try_again(failed, ann):
    decide.roll_back(failed.pk, ann, "The server is back.")
    work()
    assert again(failed).state == "rolled_back"
    assert counters() == [0, 0, 0]


def test_a_person_settles_it_and_the_target_is_free(failed, ann):
    with pytest.raises(InvalidInputError):
        decide.resolve(failed.pk, ann, kept=False, reason="")
    with pytest.raises(NotAllowedError):
        decide.resolve(failed.pk, person("eve", "approve"), kept=False, reason="x")
    sql("UPDATE loop_counter SET value = 0")
    decide.resolve(failed.pk, ann, kept=False, reason="Put back by hand.")
    assert again(failed).state == "rolled_back"
    assert approved(counting(by=5), ann).state == "approved"
    work()
    assert counters() == [5, 5, 5]


def test_undone_and_yet_not_as_before_needs_a_person(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "undo", lambda self, step: None)
    proposal = approved(counting(), ann)
    CounterKind.failing = {"b"}
    work()
    assert again(proposal).state == "failed"
    assert "not what it was" in proposal.failure


def test_one_change_at_a_time_for_a_target(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "window_s", 600.0)
    first, second = approved(counting(), ann), approved(counting(by=2), ann)
    elsewhere = approved(counting("two"), ann)
    with monkeypatch.context() as patched:
        # The drift would end it first.
        patched.setattr("apps.core.proposals.services.checks.why_void", lambda proposal: "")
        run_due()
    assert {again(first).state, again(second).state} == {"measuring", "approved"}
    assert again(elsewhere).state == "measuring"
    assert counters() == [1, 1, 1]
    pass_time(700)
    work()
    # The second was judged on a target that is no longer there.
    assert (again(first).state, again(second).state) == ("kept", "void")
    assert counters() == [1, 1, 1]


def test_not_even_sql_puts_two_changes_on_one_target(ann):
    from django.db import IntegrityError, transaction

    first, second = approved(counting(), ann), approved(counting(by=2), ann)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk__in=[first.pk, second.pk]).update(
            state="applying", started_at="2026-01-01T00:00Z"
        )


def test_the_emergency_stop_lets_nothing_begin(ann):
    proposal = approved(counting(), ann)
    rules.switch("ann", "The shop is on fire.", stop=True)
    work(2)
    assert again(proposal).state == "approved"
    with pytest.raises(ConflictError) as refused:
        decide.apply_now(proposal.pk, ann)
    assert "on fire" in refused.value.details["why"]
    rules.switch("ann", stop=False)
    work()
    assert again(proposal).state == "kept"
    assert LoopSwitch.objects.count() == 1


def test_the_environment_can_stop_a_process_too(ann, settings):
    settings.PHAROS_LOOP = False
    proposal = approved(counting(), ann)
    work(2)
    assert again(proposal).state == "approved"


def test_a_change_stopped_half_way_is_put_back(ann, monkeypatch):
    real = CounterKind.apply

    def stopping(self, step):
        real(self, step)
        if step.name == "b":
            rules.switch("ann", stop=True)

    monkeypatch.setattr(CounterKind, "apply", stopping)
    proposal = approved(counting(), ann)
    work()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "stopped")
    assert counters() == [0, 0, 0]


def test_a_person_turns_a_change_round_while_it_is_applied(ann, monkeypatch):
    real = CounterKind.apply

    def interrupted(self, step):
        real(self, step)
        if step.name == "b":
            decide.roll_back(Proposal.objects.get().pk, ann, "Stop.")

    monkeypatch.setattr(CounterKind, "apply", interrupted)
    proposal = approved(counting(), ann)
    run_due()
    assert again(proposal).state == "rolling_back"
    work()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "asked")
    assert counters() == [0, 0, 0]


def test_a_kept_change_can_be_put_back_later(ann):
    proposal = approved(counting(), ann)
    work()
    assert counters() == [1, 1, 1]
    with pytest.raises(NotAllowedError):
        decide.roll_back(proposal.pk, person("eve", "approve"), "x")
    decide.roll_back(proposal.pk, ann, "It was not worth it.")
    work()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "asked")
    assert counters() == [0, 0, 0]
    with pytest.raises(IllegalMoveError):
        decide.roll_back(proposal.pk, ann, "again")


def test_a_kept_change_that_others_built_upon_is_not_put_back(ann):
    proposal = approved(counting(), ann)
    work()
    later = approved(counting(by=2), ann)
    work()
    assert again(later).state == "kept"
    with pytest.raises(DriftError, match="changed again"):
        decide.roll_back(proposal.pk, ann, "x")
    assert counters() == [3, 3, 3]


def test_a_kind_that_is_gone_ends_what_waits_and_hands_over_what_runs(ann):
    waiting, running = approved(counting("one"), ann), approved(counting("two"), ann)
    Proposal.objects.filter(pk=waiting.pk).update(next_at="2999-01-01T00:00Z")
    run_due()
    assert again(running).state == "measuring"
    registry.unregister("test.counter")
    work()
    assert again(waiting).state == "void"
    assert again(running).state == "failed"
    assert "no kind of proposal called 'test.counter'" in running.failure


def lost(proposal: Proposal, **columns) -> None:
    """Leave the row as a worker that died would."""
    Proposal.objects.filter(pk=proposal.pk).update(
        lease_token=uuid.uuid4(), lease_until="2000-01-01T00:00Z", **columns
    )


def half_applied(ann, monkeypatch, mark: str, *, done: bool) -> Proposal:
    """A worker died on step `b`; its effect is there or not."""
    proposal = approved(counting(), ann)
    with monkeypatch.context() as patched:
        patched.setattr("apps.core.proposals.execution.change.apply", lambda claim, kind: None)
        run_due()
    steps = ProposalStep.objects.filter(proposal=proposal)
    steps.filter(name="a").update(mark="done")
    steps.filter(name="b").update(mark=mark)
    sql("UPDATE loop_counter SET value = 1 WHERE target = 'one' AND name = 'a'")
    if done:
        sql("UPDATE loop_counter SET value = 1 WHERE target = 'one' AND name = 'b'")
    lost(proposal)
    return again(proposal)


@pytest.mark.parametrize("done", [True, False])
def test_after_a_crash_the_target_says_whether_the_step_was_done(ann, monkeypatch, done):
    proposal = half_applied(ann, monkeypatch, "started", done=done)
    work()
    assert again(proposal).state == "kept"
    assert counters() == [1, 1, 1]


def test_a_step_nobody_can_tell_about_turns_the_change_round(ann, monkeypatch):
    proposal = half_applied(ann, monkeypatch, "started", done=False)
    sql("UPDATE loop_counter SET value = 42 WHERE target = 'one' AND name = 'b'")
    work()
    assert again(proposal).state == "rolled_back"
    assert "Nobody can tell" in proposal.failure
    assert counters() == [0, 0, 0]


def test_the_journal_is_not_trusted_over_the_target(ann, monkeypatch):
    proposal = half_applied(ann, monkeypatch, "done", done=False)
    work()
    assert again(proposal).state == "rolled_back"
    assert "not there any more" in proposal.failure
    assert counters() == [0, 0, 0]


def test_a_change_that_kills_its_worker_is_put_back_in_the_end(ann, monkeypatch):
    proposal = half_applied(ann, monkeypatch, "started", done=True)
    lost(proposal, attempts=3)
    work()
    assert again(proposal).state == "rolled_back"
    assert "again and again" in proposal.failure
    assert counters() == [0, 0, 0]


def test_a_worker_that_lost_its_lease_writes_nothing_any_more(ann, monkeypatch):
    real = CounterKind.apply

    def slow(self, step):
        if step.name == "b":
            # Meanwhile the lease ran out and another worker finished the change.
            monkeypatch.setattr(CounterKind, "apply", real)
            pass_time(120)
            run_due()
            return
        real(self, step)

    monkeypatch.setattr(CounterKind, "apply", slow)
    proposal = approved(counting(), ann)
    run_due()
    work()
    assert again(proposal).state == "kept"
    assert counters() == [1, 1, 1]


def test_the_way_back_is_stored_before_the_first_effect(ann, monkeypatch):
    seen = []

    def watching(self, step):
        row = Proposal.objects.get()
        seen.append((row.state, row.rollback_plan, row.before["value"], row.steps.count()))
        raise RuntimeError("no")

    monkeypatch.setattr(CounterKind, "apply", watching)
    approved(counting(), ann)
    work()
    assert seen == [("applying", {"a": 0, "b": 0, "c": 0}, 0, 3)]


def test_a_worker_whose_code_breaks_leaves_the_rest_to_go_on(ann, monkeypatch):
    bad, good = approved(counting("one"), ann), approved(counting("two"), ann)
    real = CounterKind.least_gain

    def breaking(self, proposal):
        if proposal.target == "one":
            raise ZeroDivisionError
        return real(self, proposal)

    monkeypatch.setattr(CounterKind, "least_gain", breaking)
    work(2)
    assert again(good).state == "kept"
    assert again(bad).state == "measuring"
    assert "ZeroDivisionError" in bad.failure
    work()
    # No target stays blocked for good without anybody knowing.
    assert again(bad).state == "failed"


def test_broker_away_is_no_matter(ann, monkeypatch):
    from apps.core.proposals.services import waking

    monkeypatch.undo()
    monkeypatch.setattr("celery.app.base.Celery.send_task", broken)
    waking.wake()
    proposal = approved(counting(), ann)
    work()
    assert again(proposal).state == "kept"


def broken(*_args, **_kwargs):
    raise OSError("no broker")


def test_nobody_sees_an_open_proposal_as_changed(ann):
    proposal = opened(counting())
    work()
    assert again(proposal).state == "proposed"
    assert proposal.before is proposal.after is proposal.gain is None
