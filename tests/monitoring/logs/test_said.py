"""Operating actions are in the log: when alerts fire, and when collectors fail or work again."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

from structlog.testing import capture_logs

from apps.alerts.evaluation.ledger import Ledger
from apps.alerts.models import Episode, Rule
from apps.monitoring.collectors import running
from apps.monitoring.collectors.claims import Result


def test_an_alert_is_a_warning_when_it_fires_and_an_info_when_it_ended():
    ledger = Ledger(Rule(name="CPU"), datetime.now(UTC))
    ledger.firing = [Episode(rule_name="CPU", severity="critical", value=0.99)]
    ledger.resolved = [Episode(rule_name="CPU", severity="critical", end_reason="recovered")]
    with capture_logs() as said:
        ledger.tell()
    assert [(line["log_level"], line["event"], line["rule"]) for line in said] == [
        ("warning", "An alert fires", "CPU"), ("info", "An alert ended", "CPU"),
    ]  # fmt: skip


def test_a_collector_is_told_of_when_it_changes_and_not_at_every_tick(caplog, monkeypatch):
    monkeypatch.setattr(running, "_told", {})
    one = SimpleNamespace(key=("redis", "cache"))
    with caplog.at_level(logging.INFO, running.logger.name):
        for status in ("ok", "ok", "down", "down", "ok"):
            running._tell([Result(one, status, "refused")])
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("INFO", "The collector redis cache reads its figures"),
        ("ERROR", "The collector redis cache is down: refused"),
        ("INFO", "The collector redis cache reads its figures"),
    ]
