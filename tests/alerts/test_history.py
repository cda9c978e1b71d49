"""The list of alerts with its filters, and the history of alerts with what became of them."""

from datetime import timedelta

import pytest
from django.test import Client

from apps.alerts.evaluation import evaluate_due
from apps.alerts.models import Episode, Rule
from apps.alerts.routing import route
from apps.alerts.services import acknowledgements
from apps.core.services import apikeys
from tests.alerts.conftest import T0
from tests.rights import PermissionMatrix

ALERTS, HISTORY = "/admin/monitoring/alerts", "/admin/alerts/history"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_wake_ups")]


class TestWhoMayReadTheHistory(PermissionMatrix):
    path, permissions = HISTORY, ["alerts.view_episode", "alerts.view_notification"]


@pytest.fixture
def reader():
    """Reads an address with a key that may read."""
    _, secret = apikeys.create("ci", ["read"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(path, **query):
        return client.get(path, query)

    return get


@pytest.fixture
def shop(bench) -> list[Episode]:
    """Two alerts of one rule, on two hosts of two services."""
    Rule.objects.update(by=["service.name", "host"])
    bench.source.values = [
        ({"service.name": "shop", "host": "a"}, 0.95),
        ({"service.name": "mail", "host": "b"}, 0.85),
    ]
    bench.now += timedelta(seconds=15)
    evaluate_due(bench.source, lambda: bench.now)
    route(lambda: bench.now)
    return list(Episode.objects.order_by("severity"))


@pytest.mark.parametrize(
    ("query", "services"),
    [
        ({"service": "shop"}, ["shop"]),
        ({"label": "host=b"}, ["mail"]),
        ({"label": "host=b,service.name=shop"}, []),
        ({"rule": "cp"}, ["mail", "shop"]),
        ({"rule": "nothing like it"}, []),
        ({"severity": "critical"}, ["shop"]),
        ({"since": T0.isoformat()}, ["mail", "shop"]),
        ({"since": "now-1h"}, []),
        ({"source": "alertmanager"}, []),
        ({"state": "open", "severity": "critical,warning"}, ["mail", "shop"]),
        ({"state": "active", "taken": "no"}, ["mail", "shop"]),
        ({"taken": "yes"}, []),
        ({"state": "resolved,pending"}, []),
    ],
)
def test_alerts_are_found_by_label_service_rule_and_time(shop, reader, query, services):
    found = reader(ALERTS, **query).json()["items"]
    assert sorted(one["scope"]["service.name"] for one in found) == services


@pytest.mark.parametrize(
    "query",
    [
        {"label": "host"}, {"label": "=b"}, {"since": "yesterday-ish"}, {"rules": "1"},
        {"severity": "mild"}, {"state": "shut"}, {"taken": "perhaps"}, {"service": ["a", "b"]},
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(reader, query):
    assert reader(ALERTS, **query).status_code == 400


def test_the_history_tells_what_became_of_each_alert(shop, reader):
    critical = shop[0]
    acknowledgements.acknowledge([critical], "ann", note="mine")
    answer = reader(HISTORY, since=T0.isoformat(), service="shop").json()["items"]
    (one,) = answer
    assert one["id"] == str(critical.pk)
    assert (one["state"], one["reason"], one["peak"]) == ("firing", "breach", 0.95)
    assert [(d["kind"], d["purpose"]) for d in one["deliveries"]] == [("webhook", "firing")]
    assert [(a["by"], a["note"]) for a in one["acknowledgements"]] == [("ann", "mine")]
    assert one["decisions"][-1]["verdict"] == "notified"
    assert one["duration_s"] is None


def test_the_history_is_read_in_a_fixed_number_of_statements_and_exports(
    shop, reader, django_assert_max_num_queries
):
    with django_assert_max_num_queries(14):
        assert len(reader(HISTORY, since=T0.isoformat()).json()["items"]) == 2
    text = b"".join(reader(HISTORY, since=T0.isoformat(), format="csv")).decode()
    assert "duration_s" in text.splitlines()[0]
    assert len(text.splitlines()) == 3
