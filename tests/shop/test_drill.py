"""The drill, with everything real: from a fault to its post-mortem."""

import subprocess
import sys

import pytest
import requests

from apps.alerts.models import Channel, Episode, Incident, Notification, Rule
from apps.core.services import apikeys
from tests.conftest import PROJECT
from tests.shop.test_shop import Demo, demo  # noqa: F401 (demo is a fixture)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def on_call(monkeypatch) -> None:
    """A key for whoever is on call, and a rule that soon forgets; the demo inherits both."""
    _, key = apikeys.create("on call", ["read", "operate"])
    monkeypatch.setenv("PHAROS_DEMO_OPERATE_KEY", key)
    monkeypatch.setenv("SHOP_RULE_WINDOW_S", "15")


@pytest.fixture
def beat(portal_process) -> None:
    portal_process("beat", "celery", "-A", "portal", "beat", "--loglevel", "WARNING")


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("portal_worker", "beat")
def test_a_fault_leads_from_the_page_to_the_post_mortem_and_leaves_nothing_open(
    demo: Demo,  # noqa: F811
):
    drill = subprocess.run(
        [sys.executable, "-m", "examples.shop.drill"],
        cwd=PROJECT, env=demo.environment, capture_output=True, text=True, timeout=560, check=False,
    )  # fmt: skip
    assert drill.returncode == 0, drill.stdout + drill.stderr
    incident = Incident.objects.get(source="rule")
    assert incident.status == "closed"
    assert None not in (incident.acknowledged_at, incident.resolved_at)
    assert incident.links.get().kind == "trace"
    assert "A booking that failed" in incident.postmortems.get().text
    assert f"/admin/incidents/{incident.pk}/learned/" in drill.stdout

    rule = Rule.objects.get(name="The shop fails")
    episodes = Episode.objects.filter(rule=rule)
    assert {episode.state for episode in episodes} == {"resolved"}
    assert set(incident.episodes.all()) <= set(episodes)
    pager = Channel.objects.get(rules=rule)
    told = Notification.objects.filter(channel=pager)
    assert {row.state for row in told} == {"sent"}
    pages = requests.get(f"http://127.0.0.1:{demo.environment['SHOP_PAGER_PORT']}/pages", timeout=9)
    assert {page["purpose"] for page in pages.json()} >= {"firing", "resolved"}
    assert "off  error_burst" in demo.fault()
