"""Two kinds on real things: one gains and is kept, one fails half-way and leaves no trace."""

import pytest

from apps.core.proposals.models import ProposalEvent
from apps.core.proposals.models.history import StepMark
from apps.core.proposals.services.propose import Draft, Prediction
from tests.core.proposals.conftest import again, approved, work
from tests.core.proposals.kinds import IndexKind, OptionsKind

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("targets")]
TABLE = "loop_scratch"


def moves(proposal):
    return list(ProposalEvent.objects.filter(proposal=proposal).values_list("move", flat=True))


def test_an_index_that_helps_is_built_measured_and_kept(ann):
    predicted = Prediction("blocks", "{block}", "decrease", 0.9, 0.5, 0.99)
    draft = Draft("test.index", TABLE, "An index", {"column": "number"}, predicted=predicted)
    proposal = approved(draft, ann)
    work()
    again(proposal)
    assert (proposal.state, proposal.outcome) == ("kept", "gained")
    assert proposal.before["value"] > 10 > proposal.after["value"]
    assert proposal.gain["low"] > 0.45
    assert IndexKind().current(TABLE)["indexes"] == [
        f"CREATE INDEX ph_number ON public.{TABLE} USING btree (number)"
    ]
    assert moves(proposal) == ["propose", "sign", "approve", "start", "applied", "keep"]


def test_an_index_that_does_not_help_is_dropped_again(ann):
    predicted = Prediction("blocks", "{block}", "decrease", 0.9, 0.5, 0.99)
    draft = Draft("test.index", TABLE, "An index", {"column": "word"}, predicted=predicted)
    proposal = approved(draft, ann)
    work()
    again(proposal)
    assert (proposal.state, proposal.outcome) == ("rolled_back", "no_gain")
    assert IndexKind().current(TABLE) == {"indexes": []}
    assert proposal.applied_at < proposal.ended_at


def test_a_change_that_fails_half_way_leaves_the_target_as_it_was(ann):
    kind = OptionsKind()
    kind.apply(kind.steps(TABLE, {"options": {"fillfactor": 90}}, {"fillfactor": None})[0])
    before = kind.current(TABLE)
    options = {
        "autovacuum_vacuum_scale_factor": 0.05, "autovacuum_vacuum_threshold": 10,
        "fillfactor": 5, "toast_tuple_target": 256,
    }  # fmt: skip
    draft = Draft("test.options", TABLE, "Options", {"options": options, "risk": "medium"})
    proposal = approved(draft, ann)
    assert proposal.rollback_plan["fillfactor"] == "90"
    work()
    again(proposal)
    assert (proposal.state, proposal.outcome) == ("rolled_back", "apply_failed")
    assert "“set fillfactor” failed" in proposal.failure
    assert "out of bounds" in proposal.failure
    assert kind.current(TABLE) == before == {"fillfactor": "90"}
    marks = list(proposal.steps.values_list("mark", flat=True))
    assert marks == [StepMark.UNDONE] * 3 + [StepMark.WAITING]
    assert moves(proposal)[-3:] == ["start", "roll_back", "undone"]


def test_what_cannot_be_measured_is_said_and_is_no_gain_of_0(ann):
    options = {"options": {"fillfactor": 80}, "risk": "medium"}
    proposal = approved(Draft("test.options", TABLE, "Options", options), ann)
    work()
    again(proposal)
    assert (proposal.state, proposal.outcome, proposal.gain) == ("kept", "not_measurable", None)
    assert OptionsKind().current(TABLE) == {"fillfactor": "80"}
