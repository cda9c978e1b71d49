"""Which status follows which, and that only one of two who change it at once wins."""

import hypothesis
import pytest
from django.db import InternalError, transaction
from django.db.utils import ProgrammingError
from hypothesis import strategies as st

from apps.alerts import incidents
from apps.alerts.incident_machine import NEXT, UNRESOLVED, Status
from apps.alerts.incidents import log
from apps.alerts.models import Incident, IncidentEvent
from apps.core.errors import ConflictError, InvalidInputError

pytestmark = pytest.mark.django_db


@hypothesis.given(path=st.lists(st.sampled_from(list(Status)), max_size=12))
@hypothesis.settings(max_examples=15)
def test_any_way_through_the_statuses_is_told_and_only_allowed_ones_are_taken(path):
    with transaction.atomic():
        incident = incidents.declare("walk", "Walk", "minor", by="ann")
        taken = []
        for wanted in path:
            before = Status(incident.status)
            if wanted in NEXT[before]:
                incidents.move(incident, wanted, "ann")
                taken.append((before.value, wanted.value))
                assert incident.status == wanted
            else:
                with pytest.raises(ConflictError):
                    incidents.move(incident, wanted, "ann")
                assert incident.status == before
            assert (incident.resolved_at is None) == (incident.status in UNRESOLVED)
            assert (incident.closed_at is None) == (incident.status != Status.CLOSED)
        told = incident.log.filter(kind__in=["status", "reopened"])
        assert [(one.detail["before"], one.detail["after"]) for one in told] == taken
        assert incident.version == 1 + len(taken)
        transaction.set_rollback(True)


def test_who_saw_an_older_version_is_told_so(make_incident):
    one = make_incident()
    incidents.acknowledge(Incident.objects.get(pk=one.pk), "bob")
    with pytest.raises(ConflictError, match="meanwhile"):
        incidents.move(one, "investigating", "ann", version=1)
    with pytest.raises(InvalidInputError, match="investigating"):
        incidents.move(one, "gone", "ann")


def test_the_first_to_look_after_it_is_remembered(make_incident):
    one = make_incident()
    incidents.acknowledge(one, "ann")
    first = one.acknowledged_at
    incidents.move(one, "resolved", "ann")
    incidents.reopen(one, "bob", "not yet")
    assert first is not None
    assert one.acknowledged_at == first
    assert one.log.last().kind == "reopened"


def test_the_log_is_never_edited_by_anyone(make_incident):
    one = make_incident()
    said = log.comment(one, "It is the database", "ann")
    log.strike(one, said.pk, "bob")
    said.refresh_from_db()
    assert (said.text, said.struck_by) == ("It is the database", "bob")
    with pytest.raises(ConflictError):
        log.strike(one, said.pk, "bob")
    with pytest.raises(ConflictError):
        log.strike(one, one.log.first().pk, "bob")
    rows = IncidentEvent.objects.filter(incident=one)
    for change in (
        lambda: rows.update(text="nothing"),
        rows.delete,
        lambda: rows.filter(kind="declared").update(struck_by="x"),
        lambda: rows.filter(pk=said.pk).update(struck_at=None, struck_by=""),
    ):
        with pytest.raises((ProgrammingError, InternalError)), transaction.atomic():
            change()
    assert rows.count() == 2
