"""A route that is slower since a deployment is one bottleneck, however often it is looked at."""

from datetime import UTC, datetime, timedelta

from apps.monitoring.bottlenecks import deploys
from apps.monitoring.models import Bottleneck, Deployment, Sighting
from apps.monitoring.store import rollups
from tests.monitoring.bottlenecks.making import server

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
LIVE = NOW - timedelta(minutes=20)


def fill(send, minute, took):
    for start_s in (0.1, 0.4):
        send(*[server("GET /a", took + n % 5) for n in range(50)], minute=minute, start_s=start_s)
        send(*[server("GET /b", 20 + n % 5) for n in range(50)], minute=minute, start_s=start_s)


def test_a_slower_route_is_told_with_its_version_and_traces_and_a_steady_one_is_not(send, look):
    for minutes in (2, 5, 8):
        fill(send, LIVE - timedelta(minutes=minutes), 30)
        fill(send, LIVE + timedelta(minutes=minutes), 95)
    rollups.roll_up()
    Deployment.objects.create(service="shop", version="2.1", at=LIVE)
    assert deploys.watch(NOW) == 1
    one = Bottleneck.objects.get(kind="regression")
    assert (one.route, one.subject, one.requests) == ("GET /a", "2.1", 300)
    assert 85_000 < one.facts["after_us"] < 110_000
    assert one.facts["before_us"] < 40_000
    assert one.evidence
    before = (one.requests, one.lost_us)
    # Walks over the same minute leave it alone, and looking again changes nothing.
    send(server("GET /a", 30), minute=LIVE)
    look()
    assert deploys.watch(NOW) == 1
    one.refresh_from_db()
    assert (one.requests, one.lost_us) == before
    assert Sighting.objects.filter(bottleneck=one).count() == 1
