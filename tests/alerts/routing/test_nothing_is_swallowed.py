"""What fails on the way to a page delays or adds a message; it never takes one away."""

import importlib
from datetime import date

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected

from apps.alerts.escalation import steps
from apps.alerts.models import Enrolment, Escalation, MuteWindow
from apps.alerts.routing import placing, router
from tests.alerts.escalating import later, person, policy, told

DAY = date(2020, 1, 1)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_rules")]


def test_a_first_step_that_fails_is_taken_later_although_the_channels_were_told(
    desk, team, monkeypatch
):
    team.policy = policy({"kind": "user", "person": person("ann")})
    team.save()
    with monkeypatch.context() as broken:
        broken.setattr(steps, "run", lambda _context: 1 / 0)
        desk.fire("a", severity="critical")
    assert told() == ["team"]
    assert later(60) == 1
    assert told() == ["team", "ann"]


def test_a_deadlock_is_tried_again_at_once(desk, team, monkeypatch):
    real, seen = router.flush, []

    def flush(group, now):
        seen.append(group.pk)
        if len(seen) == 1:
            raise OperationalError from DeadlockDetected()
        return real(group, now)

    monkeypatch.setattr(router, "flush", flush)
    desk.fire("a", severity="critical")
    assert len(desk.said()) == 1


def test_what_cannot_be_matched_goes_to_the_root(desk, team, monkeypatch):
    monkeypatch.setattr(placing.tree, "matching", lambda *_args: 1 / 0)
    desk.fire("a", severity="critical")
    assert desk.said() == [("first", ["a"], [])]


def test_one_alert_that_cannot_be_placed_keeps_no_other_from_its_page(desk, team, monkeypatch):
    real = placing._Pass._assign

    def assign(self, one, *rest):
        if one.labels["host"] == "bad":
            raise RuntimeError
        return real(self, one, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(placing._Pass, "_assign", assign)
        desk.fire("bad", "good", severity="critical")
        assert desk.said() == [("first", ["good"], [])]
    assert Enrolment.objects.get().episode == desk.names["bad"]
    desk.wait(60)
    desk.run()
    desk.wait(300)
    assert desk.said()[-1] == ("new", ["bad", "good"], [])


def test_a_reason_that_fails_holds_nothing_back(desk, team, monkeypatch):
    def broken(_hearing):
        raise KeyError("x")

    judging = importlib.import_module("apps.alerts.suppression.judge")
    monkeypatch.setattr(judging, "_REASONS", ((broken, "SELECT 1"), *judging._REASONS))
    desk.fire("a", severity="critical")
    assert len(desk.said()) == 1


def test_a_mute_window_of_a_route_pauses_the_escalation_of_that_route(desk, root, team):
    team.policy = policy(
        {"kind": "user", "person": person("ann")}, {"kind": "user", "person": person("bob")}
    )
    team.save()
    desk.fire("a", severity="critical")
    window = MuteWindow.objects.create(
        name="never", critical_too=True, only_inside=True, first_day=DAY, last_day=DAY
    )
    window.routes.set([root])
    later(300)
    assert told() == ["team", "ann"]
    assert Escalation.objects.get().paused_by
    window.delete()
    later(300)
    assert told() == ["team", "ann", "bob"]
