"""The drill of the demo, with everything real: from a fault to its post-mortem."""

import subprocess
import sys

import pytest
import requests

from apps.alerts.models import Incident, Notification
from apps.core.services import apikeys
from tests.conftest import PROJECT, free_port
from tests.shop.test_shop import Demo, demo  # noqa: F401 (demo is a fixture)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def pager(monkeypatch) -> str:
    """Where the demo's pager will listen; the demo inherits the environment."""
    port = free_port()
    monkeypatch.setenv("SHOP_PAGER_PORT", str(port))
    _, key = apikeys.create("drill", ["read", "operate"])
    monkeypatch.setenv("PHAROS_DEMO_OPERATE_KEY", key)
    return f"http://127.0.0.1:{port}/pages"


@pytest.fixture
def beat(portal_process) -> None:
    portal_process(
        "beat", "celery", "-A", "portal", "beat", "--scheduler",
        "django_celery_beat.schedulers:DatabaseScheduler",
    )  # fmt: skip


@pytest.mark.timeout(420)
def test_a_fault_leads_from_a_page_to_a_post_mortem(
    portal_worker,
    beat,
    pager,
    demo: Demo,  # noqa: F811
):
    done = subprocess.run(
        [sys.executable, "-m", "examples.shop.drill"],
        cwd=PROJECT, env=demo.environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pages = requests.get(pager, timeout=10).json()
    assert {page["purpose"] for page in pages} >= {"firing", "resolved"}
    assert all(page["breaches"][0]["threshold"] is not None for page in pages[-1:])
    incident = Incident.objects.get()
    assert incident.status == "resolved"
    assert incident.acknowledged_at is not None
    assert incident.postmortems.exists()
    assert not Notification.objects.exclude(state="sent").exists()
    assert incident.title in done.stdout
