"""Figures in the store → rule → episode → webhook and e-mail → resolved, in a real worker."""

import time

import pytest
from aiosmtpd.controller import Controller

from apps.alerts.evaluation import evaluate_due
from apps.alerts.evaluation.reading import StoreSource, read
from apps.alerts.models import Episode, Notification, Rule, RuleVersion
from apps.alerts.services import channels
from apps.alerts.tasks import evaluate_rules
from apps.core.services import apikeys
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import (
    Batch,
    Kind,
    Metric,
    Resource,
    Sample,
    Series,
    Temporality,
)
from tests.alerts.conftest import wait_until
from tests.alerts.test_email import Mailbox
from tests.conftest import free_port
from tests.conftest import wait_until as wait_for_process
from tests.monitoring.store.conftest import store  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("store")]

SHOP = Resource({"service.name": "shop", "host.name": "web-1"})
QUEUE = Metric("shop.queue.length", "{job}", Kind.GAUGE)
REQUESTS = Metric("cache.requests", "{request}", Kind.SUM, Temporality.DELTA, monotonic=True)


@pytest.fixture
def report(no_rules):
    """Writes one figure into the store, as a collector or an OTLP request would."""

    def write(value: float, metric: Metric = QUEUE, **attrs: str) -> None:
        labels = {name.replace("_", "."): text for name, text in attrs.items()}
        now = time.time_ns()
        sample = Sample(Series(metric, SHOP, labels), now, value, now - 10**9)
        outcome = committer().ingest(Batch(samples=[sample]))
        assert outcome.accepted == 1

    yield write
    committer().close()


@pytest.fixture
def mailbox():
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


def start_worker(portal_process, port: int):
    process, log = portal_process(
        "worker", "celery", "-A", "portal", "worker", "-Q", "high,default,low", "--pool",
        "threads", "-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat",
        "--loglevel", "INFO",
        EMAIL_URL=f"smtp://127.0.0.1:{port}", PHAROS_RECORDER="0",
    )  # fmt: skip
    wait_for_process(lambda: "ready." in log.read_text(errors="replace"), process, log)
    return process, log


def test_a_threshold_set_over_the_api_fires_and_resolves_by_webhook_and_mail(
    client,
    report,
    receiver,
    mailbox,
    portal_process,
    store,  # noqa: F811
):
    report(3, queue_name="mail")
    _, key = apikeys.create("ci", ["operate", "read"])
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post(
        "/admin/monitoring/threshold",
        {
            "metric": "shop.queue.length", "scope": {"queue.name": "mail"}, "warning": 10,
            "critical": 100, "for_s": 0, "aggregation": "last",
            "channels": [
                {"kind": "webhook", "url": receiver.url + "/ok/s3cr3t"},
                {"kind": "email", "to": "oncall@example.com"},
            ],
        },
        content_type="application/json",
        headers=headers,
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    Rule.objects.update(interval_s=5)
    process, log = start_worker(portal_process, mailbox.port)

    def beat_until(done) -> None:
        """As beat does, but more often: a tick is still judged once."""
        deadline = time.monotonic() + 40
        while not done():
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            evaluate_rules.apply_async(queue="high")
            time.sleep(0.5)

    report(250, queue_name="mail")
    beat_until(lambda: Episode.objects.filter(state="firing").exists())
    (fired,) = receiver.wait_for(1)
    wait_until(lambda: len(mailbox.messages) == 1)
    assert '"severity":"critical"' in fired["body"]
    assert mailbox.messages[0]["Subject"].startswith("[Critical] shop.queue.length above")
    text = mailbox.messages[0].get_body(("plain",)).get_content()
    assert "shop.queue.length (last) = 250, threshold > 100" in text
    listed = client.get("/admin/monitoring/alerts", headers=headers).json()["items"]
    assert [(one["value"], one["threshold"], one["severity"]) for one in listed] == [
        (250, 100, "critical")
    ]

    report(2, queue_name="mail")
    beat_until(lambda: Episode.objects.filter(state="resolved").exists())
    _, resolved = receiver.wait_for(2)
    wait_until(lambda: len(mailbox.messages) == 2)
    assert '"purpose":"resolved"' in resolved["body"]
    assert mailbox.messages[1]["Subject"].startswith("[Resolved]")
    wait_until(lambda: Notification.objects.filter(state="sent").count() == 4)
    assert client.get("/admin/monitoring/alerts", headers=headers).json()["items"] == []
    assert "s3cr3t" not in log.read_text(errors="replace")
    assert key not in str(list(RuleVersion.objects.values()))
    process.terminate()
    process.wait(20)


def test_a_hit_rate_is_read_from_the_store_and_silence_is_no_zero(report, make_rule):
    rule = make_rule(
        metric="cache.requests", aggregation="ratio", numerator_scope={"cache.state": "hit"},
        remainder_scope={"cache.state": "miss"}, by=["service.name", "cache.alias"],
        direction="below", warning=0.8, critical=None, min_samples=10, window_s=60,
    )  # fmt: skip
    assert read(rule, StoreSource()) == {}
    for state, count in (("hit", 30), ("miss", 20), ("ok", 500)):
        report(count, REQUESTS, cache_alias="default", cache_state=state)
    (one,) = read(rule, StoreSource()).values()
    assert one.labels == {"service.name": "shop", "cache.alias": "default"}
    assert one.value == pytest.approx(0.6)
    Rule.objects.update(min_samples=100)
    rule.refresh_from_db()
    assert [one.value for one in read(rule, StoreSource()).values()] == [None]


def test_an_aggregation_that_the_metric_does_not_have_is_shown_on_the_rule(report, make_rule):
    report(1)
    rule = make_rule(metric="shop.queue.length", aggregation="p95")
    evaluate_due()
    rule.refresh_from_db()
    assert "has no p95" in rule.last_error


def test_the_built_in_rules_can_be_judged_on_an_empty_store(built_in_rules, channel):
    names = set(Rule.objects.values_list("built_in", flat=True))
    assert names == {
        "HIGH_CPU_USAGE", "HIGH_MEMORY_USAGE", "HIGH_RESPONSE_TIME", "HIGH_ERROR_RATE",
        "LOW_CACHE_HIT_RATE", "TELEMETRY_REJECTED", "TELEMETRY_TURNED_AWAY", "TELEMETRY_LATE",
        "INTAKE_QUEUE_FULL", "OWN_TELEMETRY_DROPPED", "COLLECTOR_FAILING", "CLOCK_AHEAD",
        "CLOCK_BEHIND", "SERVER_ERRORS", "CACHE_HIT_RATE_FELL", "CACHE_ERRORS", "TASK_FAILURES",
        "WORKER_DOWN", "WORKERS_FEWER", "SLOW_QUERIES", "PARTITION_MISSING", "SCRAPE_DOWN",
        "OPERATIONS_SLOWER", "OPERATIONS_FAILING", "DISK_FULL", "KEEPING_FAILED",
        "MESSAGES_LOST",
    }  # fmt: skip
    for rule in Rule.objects.all():
        rule.full_clean()
        # No spike of a second fires.
        assert rule.for_s + rule.window_s >= 120
        assert not rule.channels.exists()
    # On a slow machine some come due again meanwhile.
    assert evaluate_due().errors == 0
    assert not Rule.objects.filter(last_tick=None).exists()
    assert not Episode.objects.exists()
    assert channels.ensure("webhook", channel.target) == channel
