"""What `manage.py check` says about alerting, and where links lead."""

import pytest
from django.db import DatabaseError

from apps.alerts import checks, conf
from tests.alerts.conftest import T0
from tests.alerts.test_admin import owe

pytestmark = pytest.mark.django_db


def ids(messages) -> list[str]:
    return [message.id for message in messages]


def test_a_default_mail_server_is_told(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert ids(checks.mail_server()) == ["alerts.I001"]
    settings.EMAIL_HOST = "mail.example.com"
    assert checks.mail_server() == []


def test_alerts_that_reach_nobody_and_given_up_messages_are_told(make_rule, channel):
    rule = make_rule()
    assert checks.channels() == []
    assert ids(checks.channels(["default"])) == ["alerts.I002"]
    rule.channels.add(channel)
    assert checks.channels(["default"]) == []
    owe(1, channel, state="dead", created_at=T0)
    assert ids(checks.channels(["default"])) == ["alerts.I003"]


def test_a_database_that_is_away_is_told_by_other_checks(monkeypatch):
    def fail():
        raise DatabaseError

    monkeypatch.setattr("apps.alerts.queries.dead_letters", fail)
    assert checks.channels(["default"]) == []


def test_links_lead_to_the_named_address_then_the_origin_then_this_machine(settings):
    settings.PHAROS_PORT = 8123
    settings.CSRF_TRUSTED_ORIGINS = []
    settings.PHAROS_URL = ""
    assert conf.base_url() == "http://127.0.0.1:8123"
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.com", "https://pharos.example.com"]
    assert conf.base_url() == "https://pharos.example.com"
    settings.PHAROS_URL = "https://p.example.com/"
    assert conf.base_url() == "https://p.example.com"
