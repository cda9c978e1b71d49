"""Deployments: seen once, told once, and drawn where they belong."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.core.timerange import TimeRange
from apps.monitoring.models import Deployment
from apps.monitoring.queries import deployments as reads
from apps.monitoring.services import deployments
from apps.monitoring.store.rows import Batch, Resource
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make
from tests.monitoring.store.conftest import store  # noqa: F401 (a fixture)
from tests.rights import PermissionMatrix


class TestWhoMayReadDeployments(PermissionMatrix):
    path, permissions = "/admin/performance/deployments", ["monitoring.view_deployment"]


class TestWhoMayReportADeployment(PermissionMatrix):
    path, method, scope, status = "/admin/performance/deployments", "POST", "operate", 201
    permissions, body = ["monitoring.add_deployment"], {"service": "shop", "version": "2"}


@pytest.mark.usefixtures("store")
def test_a_version_is_noted_when_its_first_telemetry_comes_and_never_again():
    writer = Writer()
    for version, host in (("1", "a"), ("1", "b"), ("2", "a"), (None, "a")):
        told = {"service.name": "shop", "host.name": host, "deployment.environment.name": "prod"}
        resource = Resource(told | ({"service.version": version} if version else {}))
        writer.write([Batch(spans=[make.span(resource=resource)])])
    writer.close()
    assert deployments.observe(timezone.now()) == 2
    assert deployments.observe(timezone.now()) == 0
    now = timezone.now()
    found = reads.between(["shop"], TimeRange(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert [(d.version, d.environment, d.source) for d in found] == [
        ("1", "prod", "observed"), ("2", "prod", "observed"),
    ]  # fmt: skip
    assert reads.between(["other"], TimeRange(now - timedelta(hours=1), now)) == []


@pytest.mark.django_db
def test_a_report_replaces_the_first_sight_of_the_same_version():
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    Deployment.objects.create(
        service="shop", version="3", at=at + timedelta(minutes=5), source="observed"
    )
    made, is_new = deployments.report("shop", "3", "", at)
    assert (made.at, made.source, is_new) == (at, "reported", False)
    assert deployments.report("shop", "3", "", at)[1] is False
    assert deployments.report("shop", "3", "", at + timedelta(days=1))[1] is True
    assert Deployment.objects.count() == 2


def test_the_same_report_twice_is_one_deployment(staff_client):
    body = {"service": "shop", "version": "4", "at": "2026-11-01T12:00:00Z"}
    path = "/admin/performance/deployments"
    answers = [staff_client.post(path, body, "application/json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    asked = {"from": "2026-11-01", "to": "2026-11-02", "service": "shop"}
    assert [row["version"] for row in staff_client.get(path, asked).json()["items"]] == ["4"]
    wrong = staff_client.post(path, {**body, "at": "9999-12-31T00:00:00Z"}, "application/json")
    assert wrong.status_code == 400
