"""Many at once, on real connections: one of them wins, and the others are told."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.core.errors import PortalError
from apps.core.proposals.execution import run_due
from apps.core.proposals.models import Approval, Proposal
from apps.core.proposals.services import decide
from apps.core.proposals.services.propose import propose
from tests.core.proposals.conftest import again, approved, counters, counting, opened, person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("targets")]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gave or which refusal it met, all of them begun together."""
    gate, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        gate.wait(30)
        try:
            found[place] = call()
        except PortalError as refusal:
            found[place] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_the_same_proposal_of_eight_detectors_is_one():
    found = at_once(*[lambda n=n: propose(counting(), f"d{n}") for n in range(8)])
    assert sum(one.created for one in found) == 1
    assert len({one.proposal.pk for one in found}) == 1


def test_an_impatient_person_is_one_person(ann):
    proposal = opened(counting(risk="high"))
    at_once(*[lambda: decide.approve(proposal.pk, ann, proposal.plan_hash)] * 8)
    assert Approval.objects.count() == 1
    assert again(proposal).state == "proposed"


def test_of_ten_people_approving_at_once_two_are_enough_and_count_once():
    proposal = opened(counting(risk="high"))
    people = [person(f"p{n}") for n in range(10)]
    found = at_once(
        *[lambda p=p: decide.approve(proposal.pk, p, proposal.plan_hash) for p in people]
    )
    assert again(proposal).state == "approved"
    assert proposal.events.filter(move="approve").count() == 1
    refused = [one for one in found if isinstance(one, PortalError)]
    assert Approval.objects.count() == 10 - len(refused) == 2


def test_approved_and_rejected_at_once_is_one_of_them(ann, bob):
    for by in range(1, 6):
        proposal = opened(counting(by=by))
        at_once(
            lambda pk=proposal.pk, seen=proposal.plan_hash: decide.approve(pk, ann, seen),
            lambda pk=proposal.pk: decide.reject(pk, bob, "no"),
        )
        again(proposal)
        moves = set(proposal.events.values_list("move", flat=True))
        assert proposal.state == "rejected" or "reject" not in moves


def test_rejected_while_the_workers_begin_is_rejected_or_made_and_never_both(ann, bob):
    proposal = approved(counting(), ann)
    at_once(run_due, run_due, lambda: decide.reject(proposal.pk, bob, "no"))
    again(proposal)
    if proposal.state == "rejected":
        assert counters() == [0, 0, 0]
        assert proposal.started_at is None
    else:
        assert counters() == [1, 1, 1]
        assert not proposal.events.filter(move="reject").exists()


def test_workers_at_once_never_have_two_changes_on_one_target(ann, monkeypatch):
    for by in range(1, 6):
        approved(counting(by=by), ann)
    monkeypatch.setattr("apps.core.proposals.services.checks.why_void", lambda proposal: "")
    at_once(*[run_due] * 4)
    begun = Proposal.objects.filter(started_at__isnull=False)
    # The second would have been judged on what the first one changed.
    assert begun.count() == 1
    assert counters() == [begun.get().plan["by"]] * 3
