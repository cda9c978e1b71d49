"""API keys: made once, stored as a hash, expired, revoked."""

import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInputError, UnavailableError
from apps.core.models import ApiKey
from apps.core.services import apikeys

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache():
    apikeys.forget()


def test_a_key_is_verified_with_its_name_and_scopes():
    _, secret = apikeys.create("ci", ["read", "operate"])
    verdict = apikeys.verify(secret)
    assert verdict is not None
    assert (verdict.name, verdict.scopes) == ("ci", {"read", "operate"})


def test_only_a_hash_of_the_key_is_stored():
    _, secret = apikeys.create("ci", ["read"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM core_apikey k")
        (row,) = cursor.fetchone()
    assert secret not in row
    assert secret.partition(".")[2] not in row


def test_a_wrong_secret_with_a_right_prefix_is_refused():
    _, secret = apikeys.create("ci", ["read"])
    assert apikeys.verify(secret[:-1] + ("a" if secret[-1] != "a" else "b")) is None


@given(st.text())
def test_hostile_text_is_no_key_and_no_query(text):
    assert apikeys.verify(text) is None


def test_a_verdict_is_kept_so_that_most_calls_ask_nothing(django_assert_num_queries):
    _, secret = apikeys.create("ci", ["read"])
    apikeys.verify(secret)
    with django_assert_num_queries(0):
        assert apikeys.verify(secret) is not None


def test_revoking_takes_effect_at_once_here():
    key, secret = apikeys.create("ci", ["read"])
    assert apikeys.verify(secret) is not None
    assert apikeys.revoke(key.prefix) is True
    assert apikeys.verify(secret) is None
    assert apikeys.revoke(key.prefix) is False


def test_revoking_in_another_process_takes_effect_within_five_seconds(monkeypatch):
    key, secret = apikeys.create("ci", ["read"])
    assert apikeys.verify(secret) is not None
    ApiKey.objects.filter(pk=key.pk).update(revoked=True)  # no signal reaches this process
    later = time.monotonic() + 5.01
    monkeypatch.setattr(apikeys.time, "monotonic", lambda: later)
    assert apikeys.verify(secret) is None


def test_a_cached_key_ends_with_its_expiry(monkeypatch):
    _, secret = apikeys.create("ci", ["read"], timezone.now() + timedelta(seconds=30))
    assert apikeys.verify(secret) is not None
    later = timezone.now() + timedelta(seconds=31)
    monkeypatch.setattr(apikeys.timezone, "now", lambda: later)
    assert apikeys.verify(secret) is None


def test_deleting_and_revoking_through_the_model_take_effect_at_once():
    key, secret = apikeys.create("ci", ["read"])
    assert apikeys.verify(secret) is not None
    key.revoked = True
    key.save()
    assert apikeys.verify(secret) is None


@pytest.mark.parametrize(
    ("name", "scopes", "expires_at"),
    [
        ("", ["read"], None),
        ("x" * 51, ["read"], None),
        ("a\0b", ["read"], None),
        ("ci", [], None),
        ("ci", ["root"], None),
        ("ci", ["read"], timezone.now() - timedelta(days=1)),
    ],
)
def test_nonsense_makes_no_key(name, scopes, expires_at):
    with pytest.raises(InvalidInputError):
        apikeys.create(name, scopes, expires_at)
    assert not ApiKey.objects.exists()


def test_a_database_that_is_away_is_not_a_wrong_key(monkeypatch):
    def away(raw_key):
        raise OperationalError("server closed the connection")

    _, secret = apikeys.create("ci", ["read"])
    monkeypatch.setattr(apikeys, "_query", away)
    with pytest.raises(UnavailableError) as caught:
        apikeys.verify(secret)
    assert caught.value.headers == {"Retry-After": "5"}


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(apikeys, "_MOST_CACHED", 10)
    for number in range(50):
        apikeys.verify(f"{number:08}.{'a' * 32}")
    assert len(apikeys._cache) <= 10


def test_the_command_prints_the_key_once_and_alone():
    out, err = StringIO(), StringIO()
    call_command("apikey", "ci", "--scope", "read", "--scope", "ingest", stdout=out, stderr=err)
    verdict = apikeys.verify(out.getvalue().strip())
    assert verdict is not None
    assert verdict.scopes == {"read", "ingest"}
    assert out.getvalue().strip() not in err.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ci"],
        ["ci", "--scope", "root"],
        ["x" * 51, "--scope", "read"],
        ["ci", "--scope", "read", "--days", "0"],
        ["ci", "--scope", "read", "--days", "999999999999"],
    ],
)
def test_the_command_refuses_nonsense_with_a_sentence(arguments):
    with pytest.raises(CommandError):
        call_command("apikey", *arguments, stdout=StringIO(), stderr=StringIO())
