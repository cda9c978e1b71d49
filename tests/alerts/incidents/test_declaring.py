"""An incident begins once, whoever asks and how often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from apps.alerts import incidents
from apps.alerts.models import Episode, Incident, IncidentEvent, Rule
from apps.core.clock import db_now
from apps.core.errors import InvalidInputError

pytestmark = pytest.mark.django_db


def kinds(incident):
    return list(incident.log.values_list("kind", flat=True))


def test_the_same_key_is_the_same_incident_while_it_is_unresolved(make_episode):
    first, second = make_episode(), make_episode(labels={"service.name": "pay"})
    one = incidents.declare("group:7", "Down", "warning", by="ann", episodes=[first])
    two = incidents.declare("group:7", "Other", "critical", by="bob", episodes=[first, second])
    assert one.pk == two.pk
    one.refresh_from_db()
    assert (one.title, one.severity, one.services) == ("Down", "critical", ["pay", "shop"])
    assert set(one.episodes.all()) == {first, second}
    assert kinds(one) == ["declared", "episodes_linked", "severity", "episodes_linked"]


def test_better_news_do_not_make_it_less_severe(make_incident):
    one = make_incident(key="k", severity="critical")
    incidents.declare("k", "Down", "minor", by="ann")
    one.refresh_from_db()
    assert one.severity == "critical"


def test_it_began_with_the_first_of_its_episodes(make_episode):
    early = make_episode(started_at=db_now() - timedelta(hours=2))
    one = incidents.declare("k", "Down", "major", by="ann", episodes=[make_episode(), early])
    assert one.started_at == early.started_at
    assert one.detected_at == early.fired_at or one.detected_at < one.declared_at


def test_what_comes_back_soon_is_opened_again_and_later_it_is_a_new_one(make_incident):
    one = make_incident(key="k")
    incidents.move(one, "resolved", "ann")
    again = incidents.declare("k", "Down", "major", by="system")
    assert (again.pk, again.status) == (one.pk, "investigating")
    assert again.log.last().detail["reason"] == "came_back"
    incidents.move(again, "resolved", "ann")
    Incident.objects.update(resolved_at=F("resolved_at") - timedelta(hours=1))
    assert incidents.declare("k", "Down", "major", by="system").pk != one.pk


def test_a_key_used_once_never_makes_a_second(make_incident):
    one = make_incident(key="k", once=True)
    incidents.move(one, "resolved", "ann")
    incidents.move(one, "closed", "ann")
    Incident.objects.update(resolved_at=F("resolved_at") - timedelta(days=1))
    again = incidents.declare("k", "Down", "major", by="ann", once=True)
    assert (again.pk, again.status) == (one.pk, "closed")


@pytest.mark.parametrize(
    ("key", "title", "severity"),
    [("", "t", "major"), ("k", " ", "major"), ("k", "t", "awful"), ("k" * 201, "t", "major")],
)
def test_nonsense_is_refused(key, title, severity):
    with pytest.raises(InvalidInputError):
        incidents.declare(key, title, severity, by="ann")
    assert not Incident.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_one(make_episode):
    episodes = [make_episode() for _ in range(8)]

    def ask(episode):
        try:
            return incidents.declare("k", "Down", "major", by="x", episodes=[episode]).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(ask, episodes))
    assert len(got) == 1
    assert Incident.objects.get().episodes.count() == 8
    assert IncidentEvent.objects.filter(kind="declared").count() == 1


class TestRulesThatOpenIncidents:
    def test_all_that_fires_for_one_service_is_one_incident(self, bench):
        Rule.objects.update(opens_incident="any")
        bench.tick(0.85, 0.86)
        one = Incident.objects.get()
        assert (one.source, one.severity, one.auto_resolve) == ("rule", "minor", True)
        assert one.episodes.count() == 2
        bench.tick(0.95, 0.86)
        one.refresh_from_db()
        assert one.severity == "critical"

    def test_it_ends_with_the_last_of_its_alerts(self, bench):
        Rule.objects.update(opens_incident="critical")
        bench.tick(0.85, 0.95)
        one = Incident.objects.get()
        assert [episode.severity for episode in one.episodes.all()] == ["critical"]
        bench.tick(0.95, 0.95)
        bench.tick(0.1, 0.95)
        one.refresh_from_db()
        assert one.status == "open"
        bench.tick(0.1, 0.1)
        one.refresh_from_db()
        assert (one.status, one.acknowledged_at) == ("resolved", None)
        assert one.log.last().detail["reason"] == "episodes_ended"

    def test_a_rule_opens_none_unless_it_says_so(self, bench, django_assert_num_queries):
        bench.tick(0.95)
        assert Episode.objects.filter(state="firing").exists()
        assert not Incident.objects.exists()
