"""Inhibitions and dependencies: causes speak, what they explain waits with the cause named."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.alerts.evaluation.clock import db_now
from apps.alerts.matchers import parse
from apps.alerts.models import Dependency, Episode, Inhibition
from apps.alerts.services import dependencies
from apps.alerts.suppression import Kind, judge
from apps.alerts.suppression.depending import ancestors
from apps.core.errors import InvalidInputError

LONG_AGO = 3600


@pytest.fixture
def inhibit(db):
    def make(source="alertname=Down", target="severity=warning", equal=("host",), **fields):
        row = Inhibition(
            name="downs", equal=list(equal),
            stored_sources=[one.as_json() for one in parse(source)],
            stored_targets=[one.as_json() for one in parse(target)], **fields,
        )  # fmt: skip
        row.full_clean()
        row.save()
        return row

    return make


@pytest.fixture
def verdict(make_episode):
    def judged(episode, at=None, **more):
        return judge([episode], at or db_now(), **more)[episode.pk]

    return judged


@pytest.mark.parametrize("state", ["firing", "recovering"])
def test_a_target_waits_while_its_source_is_active_and_names_it(
    inhibit, make_episode, verdict, state
):
    made = inhibit()
    source = make_episode("Down", host="h1", state=state)
    target = make_episode("Slow", severity="warning", host="h1")
    stranger = make_episode("Slow", severity="warning", host="h2")
    assert verdict(stranger) is None
    assert verdict(target).kind is Kind.INHIBITED
    assert verdict(target).by == f"inhibition:{made.pk}:{source.pk}"
    assert "Down" in verdict(target).text
    Episode.objects.filter(pk=source.pk).update(state="resolved")
    assert verdict(target) is None


def test_a_silenced_source_still_inhibits(inhibit, make_episode, verdict):
    from apps.alerts.services import silences

    inhibit()
    make_episode("Down", host="h1")
    silences.create(silences.Wish(["alertname=Down"], db_now() + timedelta(hours=1), "x"), "ann")
    assert verdict(make_episode("Slow", severity="warning", host="h1")).kind is Kind.INHIBITED


def test_two_that_lack_the_equal_labels_have_nothing_in_common(inhibit, make_episode, verdict):
    inhibit(equal=("host", "zone"))
    make_episode("Down")
    target = make_episode("Slow", severity="warning")
    assert verdict(target) is None
    make_episode("Down", zone="z1")
    assert verdict(make_episode("Slow", severity="warning", zone="z1")) is not None


def test_everywhere_needs_nothing_in_common(inhibit, make_episode, verdict):
    inhibit(equal=(), everywhere=True)
    make_episode("Down", host="h1")
    assert verdict(make_episode("Slow", severity="warning", host="h2")).kind is Kind.INHIBITED


def test_one_that_matches_both_sides_is_not_inhibited_by_another_that_does(
    inhibit, make_episode, verdict
):
    inhibit(source='alertname=~"Down.*"', target='alertname=~".*(Slow|Both)"')
    both, other = make_episode("DownBoth", host="h1"), make_episode("DownBoth", host="h1")
    assert [verdict(both), verdict(other)] == [None, None]
    # Of all sources with these values each is tried: one that is no target itself still counts.
    plain = make_episode("Down", host="h1", ago_s=10)
    assert verdict(both).by.endswith(str(plain.pk))
    assert verdict(plain) is None


def test_nothing_inhibits_itself(inhibit, make_episode, verdict):
    inhibit(source="alertname=Down", target="alertname=Down")
    assert verdict(make_episode("Down", host="h1")) is None


def test_a_first_page_is_held_a_moment_for_a_source_about_to_fire(inhibit, make_episode, verdict):
    inhibit()
    source = make_episode("Down", host="h1", state="pending")
    fresh = make_episode("Slow", severity="warning", host="h1", ago_s=1)
    old = make_episode("Slow", severity="warning", host="h1", ago_s=LONG_AGO)
    held = verdict(fresh)
    assert held.kind is Kind.HELD
    assert held.until == fresh.fired_at + timedelta(seconds=30)
    assert verdict(fresh, at=held.until) is None
    assert verdict(old) is None
    Episode.objects.filter(pk=source.pk).update(state="firing")
    assert verdict(fresh).kind is Kind.INHIBITED


def test_the_wait_is_that_of_the_route_and_any_better_reason_is_told_instead(
    inhibit, make_episode, verdict
):
    from types import SimpleNamespace

    from apps.alerts.services import silences

    inhibit()
    make_episode("Down", host="h1", state="pending")
    fresh = make_episode("Slow", severity="warning", host="h1", ago_s=1)
    route = SimpleNamespace(pk=-1, group_wait_s=0)
    assert verdict(fresh, route=route) is None
    silences.create(silences.Wish(["host=h1"], db_now() + timedelta(hours=1), "x"), "ann")
    assert verdict(fresh).kind is Kind.SILENCED


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"equal": ()}, "equal"),
        ({"source": 'a=~".*"'}, "stored_sources"),
        ({"target": "a!=b"}, "stored_targets"),
        ({"equal": ("",)}, "equal"),
    ],
)
def test_one_that_would_mute_strangers_is_refused(inhibit, fields, named):
    with pytest.raises(ValidationError) as refused:
        inhibit(**fields)
    assert named in refused.value.message_dict


def depend(*edges):
    for child, parent in edges:
        dependencies.add(child, parent)


def test_a_child_waits_while_its_parent_is_as_badly_off(make_episode, verdict):
    depend(("shop", "db"))
    parent = make_episode(service__name="db", severity="warning")
    child, mild = (make_episode(service__name="shop", severity=s) for s in ("critical", "warning"))
    assert verdict(parent) is None
    assert verdict(child) is None
    assert verdict(mild).kind is Kind.DEPENDENCY
    assert verdict(mild).by == "dependency:db"
    Episode.objects.filter(pk=parent.pk).update(severity="critical")
    assert verdict(child).by == "dependency:db"
    Episode.objects.filter(pk=parent.pk).update(state="resolved")
    assert [verdict(child), verdict(mild)] == [None, None]


def test_the_reason_names_the_furthest_cause(make_episode, verdict):
    depend(("web", "shop"), ("shop", "db"), ("db", "disk"))
    for service in ("shop", "db"):
        make_episode(service__name=service)
    assert verdict(make_episode(service="web")).by == "dependency:db"


def test_a_child_waits_a_moment_for_a_parent_about_to_fire(make_episode, verdict):
    depend(("web", "db"))
    make_episode(service__name="db", state="pending")
    assert verdict(make_episode(service__name="web", ago_s=1)).kind is Kind.HELD


@pytest.mark.django_db
def test_a_circle_is_refused_with_its_way():
    depend(("a", "b"), ("b", "c"))
    with pytest.raises(InvalidInputError, match="c → a → b → c"):
        dependencies.add("c", "a")
    with pytest.raises(InvalidInputError):
        dependencies.add("a", "a")


def test_a_circle_that_came_in_by_the_back_door_hides_nothing(make_episode, verdict):
    Dependency.objects.create(child="a", parent="b")
    Dependency.objects.create(child="b", parent="a")
    one, other = make_episode(service__name="a"), make_episode(service__name="b")
    assert [verdict(one), verdict(other)] == [None, None]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_is_let_in_never_closes_a_circle(wanted):
    edges: dict[str, set[str]] = {}
    for child, parent in wanted:
        if dependencies.way({k: frozenset(v) for k, v in edges.items()}, str(parent), str(child)):
            continue
        edges.setdefault(str(child), set()).add(str(parent))
    closed = {k: frozenset(v) for k, v in edges.items()}
    assert all(service not in ancestors(closed, service) for service in closed)
