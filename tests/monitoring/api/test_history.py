"""How a component fared: the worst of each slice, and nothing made up."""

import time

import pytest

from apps.monitoring.collectors.httpcheck import ERROR, STATUS
from apps.monitoring.intake.commit import committer
from apps.monitoring.models import Probe
from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import Batch, Sample, Series

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "shop: front/door 1"
URL = f"/admin/monitoring/components/probe:{NAME}/history"


@pytest.fixture
def probe(store):
    Probe.objects.create(name=NAME, url="http://shop.example/")
    now = time.time_ns()

    def sample(metric, minutes_ago, value):
        attrs = {"httpcheck.name": NAME, "http.request.method": "GET"}
        at = now - int(minutes_ago * 60e9)
        return Sample(Series(metric, own_resource(), attrs), at, value)

    rows = [sample(STATUS, ago, 1.0) for ago in (50.0, 40.0, 30.0, 30.2, 10.0)]
    rows += [sample(STATUS, 30.1, 0.0), sample(ERROR, 20, 1.0)]
    assert committer().submit(Batch(samples=rows)).result(20).accepted == len(rows)


def test_the_worst_of_each_slice_and_null_where_nothing_is_known(reader, probe):
    body = reader.get(URL, {"from": "now-60m", "slots": 60}).json()
    assert body["kept"] is True
    assert body["step_s"] == 60
    states = [slot["status"] for slot in body["slots"]]
    assert 60 <= len(states) <= 61
    # Of the three samples within twelve seconds one may lie in a slice of its own.
    assert states.count("ok") in (3, 4)
    assert states.count("unknown") == 1
    assert 1 <= states.count("down") <= 2
    assert states.count(None) >= 54


def test_without_figures_every_slot_is_unknown_or_said_not_to_be_kept(reader, store):
    Probe.objects.create(name="silent", url="http://silent.example/")
    body = reader.get("/admin/monitoring/components/probe:silent/history").json()
    assert [slot["status"] for slot in body["slots"] if slot["status"]] == []
    for key in ("web", "intake", "service:a/b"):
        body = reader.get(f"/admin/monitoring/components/{key}/history").json()
        assert (body["kept"], body["slots"]) == (False, [])


@pytest.mark.parametrize("name", ["nobody", "probe:*", "probe:gone", "probe:a%00b", "probe:"])
def test_an_unknown_component_is_told(reader, store, name):
    assert reader.get(f"/admin/monitoring/components/{name}/history").status_code == 404


def test_only_readers_are_let_in_and_slots_are_bounded(key, client, probe):
    assert client.get(URL).status_code == 401
    assert key("ingest").get(URL).status_code == 403
    assert key("read").get(URL, {"slots": 201}).status_code == 400
    assert key("read").get(URL, {"slots": 0}).status_code == 400
