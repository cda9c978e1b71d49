"""Who may say yes, to what, and for how long it is good."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from apps.core.api.authentication import KeyUser
from apps.core.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    UnavailableError,
)
from apps.core.models import AuditEntry
from apps.core.proposals import conf
from apps.core.proposals.errors import (
    DriftError,
    IllegalMoveError,
    PlanChangedError,
)
from apps.core.proposals.models import Approval, AutoApplyRule, Proposal
from apps.core.proposals.services import decide, rules
from apps.core.services.apikeys import KeyVerdict
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
DAY_S = 86_400


def test_medium_needs_one_person_and_high_needs_two(ann, bob):
    medium = approved(counting("one"), ann)
    assert medium.state == "approved"
    high = approved(counting("two", risk="high"), ann)
    assert high.state == "proposed"
    decide.approve(high.pk, bob, high.plan_hash)
    assert again(high).state == "approved"
    assert list(high.approvals.values_list("username", flat=True)) == ["ann", "bob"]


def test_one_person_is_one_person_however_often_they_approve(ann):
    high = approved(counting(risk="high"), ann)
    with pytest.raises(ConflictError, match="already"):
        decide.approve(high.pk, ann, high.plan_hash)
    assert again(high).state == "proposed"
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(proposal=high, user=ann, username="x", plan_hash=high.plan_hash)


def test_the_author_cannot_approve_high_and_may_approve_medium(ann, bob):
    high = opened(counting(risk="high"), author=ann)
    with pytest.raises(NotAllowedError, match="Who proposed"):
        decide.approve(high.pk, ann, high.plan_hash)
    assert approved(counting("two"), ann, author=ann).state == "approved"


def test_a_kind_may_exclude_the_author_from_medium_too(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "author_may_approve", False)
    with pytest.raises(NotAllowedError):
        approved(counting(), ann, author=ann)


@pytest.mark.parametrize("rights", [("view",), ("reject", "apply", "rollback")])
def test_without_the_right_nobody_approves(rights):
    proposal = opened(counting())
    with pytest.raises(NotAllowedError, match=r"core\.approve_proposal"):
        decide.approve(proposal.pk, person("eve", *rights), proposal.plan_hash)
    assert not Approval.objects.exists()


def test_a_key_is_no_person():
    proposal = opened(counting())
    key = KeyUser(KeyVerdict("abcdefgh", "ci", frozenset(["read", "operate"]), None))
    for call in (
        lambda: decide.approve(proposal.pk, key, proposal.plan_hash),
        lambda: decide.reject(proposal.pk, key, "no"),
        lambda: decide.apply_now(proposal.pk, key),
        lambda: decide.roll_back(proposal.pk, key, "no"),
    ):
        with pytest.raises(NotAllowedError, match="a key is nobody"):
            call()


def test_a_stale_hash_is_told_the_current_one(ann):
    proposal = opened(counting())
    with pytest.raises(PlanChangedError) as refused:
        decide.approve(proposal.pk, ann, "0" * 64)
    assert refused.value.details == {"plan_hash": proposal.plan_hash}
    assert refused.value.status == 409


def test_drift_at_approval_makes_the_proposal_void(ann):
    proposal = opened(counting())
    sql("UPDATE loop_counter SET value = 7 WHERE target = 'one'")
    with pytest.raises(DriftError, match="changed since"):
        decide.approve(proposal.pk, ann, proposal.plan_hash)
    assert again(proposal).state == "void"
    assert "changed since" in proposal.decision_reason


def test_a_reason_that_no_longer_holds_makes_it_void(ann):
    proposal = opened(counting())
    CounterKind.holds = False
    with pytest.raises(DriftError, match="no longer holds"):
        decide.approve(proposal.pk, ann, proposal.plan_hash)
    assert again(proposal).state == "void"


def test_drift_between_approval_and_applying_makes_it_void(ann):
    proposal = approved(counting(), ann)
    sql("UPDATE loop_counter SET value = 7 WHERE target = 'one'")
    work()
    assert again(proposal).state == "void"
    assert counters() == [7, 7, 7]


def test_a_target_that_cannot_be_asked_moves_nothing(ann, monkeypatch):
    proposal = opened(counting())

    def away(self, target):
        raise RuntimeError("postgresql://me:secret@db is away")

    with monkeypatch.context() as patched:
        patched.setattr(CounterKind, "current", away)
        with pytest.raises(UnavailableError):
            decide.approve(proposal.pk, ann, proposal.plan_hash)
    assert again(proposal).state == "proposed"
    decide.approve(proposal.pk, ann, proposal.plan_hash)
    with monkeypatch.context() as patched:
        patched.setattr(CounterKind, "current", away)
        work(1)
    assert again(proposal).state == "approved"
    assert "away" in proposal.failure
    assert "secret" not in proposal.failure
    work()
    assert again(proposal).state == "kept"


def test_nobody_decides_for_a_day_and_it_is_over(ann):
    proposal = opened(counting())
    pass_time(DAY_S - 60)
    work()
    assert again(proposal).state == "proposed"
    pass_time(61)
    with pytest.raises(ConflictError, match="expired"):
        decide.approve(proposal.pk, ann, proposal.plan_hash)
    assert again(proposal).state == "expired"
    assert proposal.ended_at is not None


def test_an_approval_is_good_for_a_day_counted_from_the_oldest(ann, bob):
    proposal = approved(counting(risk="high"), ann)
    pass_time(DAY_S - 120)
    decide.approve(proposal.pk, bob, proposal.plan_hash)
    assert again(proposal).state == "approved"
    pass_time(121)
    work()
    assert again(proposal).state == "expired"
    assert counters() == [0, 0, 0]


@pytest.mark.parametrize("leave", ["is_active", "is_staff", "rights", "account"])
def test_an_approver_who_may_no_longer_approve_does_not_count(ann, bob, leave):
    proposal = approved(counting(risk="high"), ann, bob)
    if leave == "rights":
        bob.user_permissions.clear()
    elif leave == "account":
        bob.delete()
    else:
        User.objects.filter(pk=bob.pk).update(**{leave: False})
    work()
    assert again(proposal).state == "proposed"
    assert counters() == [0, 0, 0]
    # Another person makes it two again, and the deleted one's name stays in the books.
    decide.approve(proposal.pk, person("cas"), proposal.plan_hash)
    work()
    assert again(proposal).state == "kept"
    assert list(proposal.approvals.values_list("username", flat=True)) == ["ann", "bob", "cas"]


def test_a_rejection_needs_a_reason_and_is_final(ann, bob):
    proposal = opened(counting())
    with pytest.raises(InvalidInputError, match="Say why"):
        decide.reject(proposal.pk, ann, "  ")
    decide.reject(proposal.pk, ann, "Not in December.")
    assert again(proposal).state == "rejected"
    assert proposal.decision_reason == "Not in December."
    with pytest.raises(IllegalMoveError):
        decide.approve(proposal.pk, bob, proposal.plan_hash)
    with pytest.raises(IllegalMoveError):
        decide.roll_back(proposal.pk, bob, "why not")


def test_an_approved_change_can_still_be_rejected(ann, bob):
    proposal = approved(counting(), ann)
    decide.reject(proposal.pk, bob, "Wait.")
    work()
    assert again(proposal).state == "rejected"
    assert counters() == [0, 0, 0]


def test_low_risk_waits_for_a_person_unless_an_operator_allowed_it(ann):
    proposal = opened(counting(risk="low"))
    work()
    assert again(proposal).state == "proposed"
    rules.set_rule("test.counter", "o*", "ann", enabled=False)
    work()
    assert again(proposal).state == "proposed"
    rule = rules.set_rule("test.counter", "o*", "ann", enabled=True)
    work()
    assert again(proposal).state == "kept"
    assert proposal.auto_rule == rule
    elsewhere = opened(counting("two", risk="low"))
    assert elsewhere.state == "proposed"
    actions = AuditEntry.objects.filter(action__startswith="autoapplyrule").values_list("action")
    assert sorted(row[0] for row in actions) == ["autoapplyrule.create", "autoapplyrule.update"]


@pytest.mark.parametrize("risk", ["medium", "high"])
def test_no_rule_lets_more_than_low_apply_by_itself(risk):
    rules.set_rule("test.counter", "*", "ann", enabled=True)
    proposal = opened(counting(risk=risk))
    work()
    assert again(proposal).state == "proposed"


def test_a_rule_taken_back_before_applying_does_not_count():
    rules.set_rule("test.counter", "*", "ann", enabled=True)
    proposal = opened(counting(risk="low"))
    assert proposal.state == "approved"
    AutoApplyRule.objects.all().delete()
    work()
    assert again(proposal).state == "proposed"
    assert counters() == [0, 0, 0]


def test_a_kind_that_waits_starts_only_when_someone_says_so(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "waits_for_apply", True)
    proposal = approved(counting(), ann)
    work()
    assert again(proposal).state == "approved"
    with pytest.raises(NotAllowedError):
        decide.apply_now(proposal.pk, person("eve", "approve"))
    decide.apply_now(proposal.pk, ann)
    work()
    assert again(proposal).state == "kept"


def test_only_an_approved_change_can_be_started(ann):
    proposal = opened(counting())
    with pytest.raises(IllegalMoveError):
        decide.apply_now(proposal.pk, ann)


@pytest.mark.parametrize("pk", ["", "x", "\0", "1", "../..", "0" * 5000])
def test_what_is_no_id_is_not_found(pk):
    with pytest.raises(NotFoundError):
        decide.find(pk)


def test_every_move_is_in_the_history_and_in_the_audit_log(ann):
    proposal = approved(counting(), ann)
    work()
    lines = list(proposal.events.values_list("move", "before", "after", "actor"))
    assert lines == [
        ("propose", "", "proposed", "detector:tests"),
        ("sign", "proposed", "proposed", "ann"),
        ("approve", "proposed", "approved", "ann"),
        ("start", "approved", "applying", "executor"),
        ("applied", "applying", "measuring", "executor"),
        ("keep", "measuring", "kept", "executor"),
    ]
    audited = AuditEntry.objects.filter(target=f"proposal {proposal.pk}").order_by("pk")
    assert [row.action for row in audited] == [f"proposal.{line[0]}" for line in lines]


@pytest.mark.parametrize(
    "change",
    [
        {"plan": {"by": 99}}, {"plan_hash": "0" * 64}, {"target": "two"}, {"kind": "test.index"},
        {"risk": "low"}, {"rollback_plan": {}}, {"fingerprint": "x"}, {"author_name": "x"},
        {"title": "x"}, {"predicted": {"expected": 0}}, {"cool_down_s": 7},
        {"evidence_at": "2030-01-01T00:00Z"},
    ],
)  # fmt: skip
def test_not_even_sql_rewrites_what_was_proposed(change):
    proposal = opened(counting())
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(**change)


def test_nobody_becomes_the_author_and_one_who_is_deleted_is_none(ann, bob):
    proposal = opened(counting(), author=ann)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(author=bob)
    ann.delete()
    assert (again(proposal).author, proposal.author_name) == (None, "ann")


def test_not_even_sql_rewrites_history(ann):
    proposal = approved(counting(), ann)
    for table in ("core_proposalevent", "core_approval", "core_proposal"):
        with pytest.raises(IntegrityError), transaction.atomic():
            sql(f"DELETE FROM {table}")
    with pytest.raises(IntegrityError), transaction.atomic():
        sql("UPDATE core_proposalevent SET actor = 'eve'")
    with pytest.raises(IntegrityError), transaction.atomic():
        sql("UPDATE core_approval SET plan_hash = 'x'")
    decide.reject(proposal.pk, ann, "no")
    with pytest.raises(IntegrityError, match="stays so"), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(state="approved")


def test_a_rule_does_not_start_a_kind_that_waits_for_a_person(ann, monkeypatch):
    """A rule stands for the approval; the maintenance window stays a person's to choose."""
    monkeypatch.setattr(CounterKind, "waits_for_apply", True)
    rules.set_rule("test.counter", "*", "ann", enabled=True)
    proposal = opened(counting(risk="low"))
    work()
    assert again(proposal).state == "approved"
    decide.apply_now(proposal.pk, ann)
    work()
    assert again(proposal).state == "kept"


def test_a_rule_finds_its_targets_behind_many_others_that_wait(monkeypatch):
    monkeypatch.setattr(conf, "RUN_LIMIT", 2)
    for by in (1, 2, 3):
        opened(counting("one", by=by, risk="low"))
    waiting = opened(counting("two", risk="low"))
    rules.set_rule("test.counter", "two", "ann", enabled=True)
    assert rules.allow_waiting() == 1
    assert again(waiting).state == "approved"
