"""Signing in: guessing is slow, nobody is locked out, nobody learns which accounts exist."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from apps.core.logins import devices
from apps.core.models import AuditEntry
from apps.core.ratelimit import limiter
from portal.login import login
from tests.conftest import STAFF_PASSWORD

pytestmark = pytest.mark.django_db
HOME, STRANGER, THIRD = "198.51.100.1", "203.0.113.9", "192.0.2.77"


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def sign_in(password="wrong", name="staff", address=STRANGER, client=None, **extra):
    return (client or Client()).post(
        "/admin/login/", {"username": name, "password": password}, REMOTE_ADDR=address, **extra
    )


def statuses(count, **how):
    return [sign_in(**how).status_code for _ in range(count)]


def test_the_sixth_failure_of_an_address_in_a_minute_is_refused(staff):
    """Whichever accounts it tries."""
    tried = [sign_in(name=f"account{n}").status_code for n in range(7)]
    assert tried == [200] * 5 + [429] * 2
    assert sign_in(STAFF_PASSWORD).status_code == 429
    assert sign_in(STAFF_PASSWORD, address=HOME).status_code == 302


def test_the_sixth_failure_of_an_account_is_refused_wherever_it_comes_from(staff):
    tried = [sign_in(address=f"203.0.113.{n}").status_code for n in range(7)]
    assert tried == [200] * 5 + [429] * 2


def test_an_ipv6_network_is_one_address(staff):
    tried = [
        sign_in(name=f"a{n}", address=f"2001:db8:1:2::{n + 1:x}").status_code for n in range(6)
    ]
    assert tried == [200] * 5 + [429]


def test_a_forged_header_is_no_new_address(staff):
    tried = [
        sign_in(name=f"a{n}", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code for n in range(6)
    ]
    assert tried == [200] * 5 + [429]


def test_success_uses_nothing_up(staff):
    for _ in range(12):
        assert sign_in(STAFF_PASSWORD).status_code == 302
    assert statuses(6) == [200] * 5 + [429]


def test_a_device_that_signed_in_before_goes_on_while_a_stranger_hammers(staff):
    mine = Client()
    assert sign_in(STAFF_PASSWORD, address=HOME, client=mine).status_code == 302
    mine.post("/admin/logout/")
    for n in range(9):
        sign_in(address=f"203.0.113.{n}")
    # From anywhere, even from where the stranger sits.
    for n in range(6):
        sign_in(name=f"a{n}", address=STRANGER)
    assert sign_in(STAFF_PASSWORD, address=STRANGER, client=mine).status_code == 302


def test_an_address_that_signed_in_before_goes_on_without_the_cookie(staff):
    assert sign_in(STAFF_PASSWORD, address=HOME).status_code == 302
    for n in range(9):
        sign_in(address=f"203.0.113.{n}")
    assert sign_in(STAFF_PASSWORD, address=THIRD).status_code == 429
    assert sign_in(STAFF_PASSWORD, address=HOME).status_code == 302


def test_a_known_device_has_no_more_guesses_than_a_stranger(staff):
    mine = Client()
    sign_in(STAFF_PASSWORD, address=HOME, client=mine)
    assert statuses(7, address=HOME, client=mine) == [200] * 5 + [429] * 2


def test_a_device_is_known_to_one_account_only(staff):
    other = User.objects.create_user("other", password=STAFF_PASSWORD, is_staff=True)
    mine = Client()
    assert sign_in(STAFF_PASSWORD, "other", HOME, mine).status_code == 302
    for n in range(9):
        sign_in(address=f"203.0.113.{n}")
    assert sign_in(STAFF_PASSWORD, "staff", THIRD, mine).status_code == 429
    assert sign_in(STAFF_PASSWORD, other.username, THIRD, mine).status_code == 302


@pytest.mark.parametrize("value", ["", "nonsense", "a:b:c", "\u0000", "x" * 4000])
def test_a_forged_device_is_no_device(staff, value):
    mine = Client()
    mine.cookies[devices.COOKIE] = value
    tried = [sign_in(address=f"203.0.113.{n}", client=mine).status_code for n in range(6)]
    assert tried == [200] * 5 + [429]


def test_the_device_cookie_is_signed_and_for_this_page_only(staff):
    mine = Client()
    sign_in(STAFF_PASSWORD, client=mine)
    cookie = mine.cookies[devices.COOKIE]
    assert "staff" not in cookie.value
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (
        "/admin/login/", True, "Strict",
    )  # fmt: skip


def without_the_like(answer):
    text = answer.content.decode()
    for varying in ("csrfmiddlewaretoken", "nobody", "staff", "Try again"):
        text = "\n".join(line for line in text.splitlines() if varying not in line)
    return answer.status_code, text


def test_an_account_that_does_not_exist_gets_the_same_answers(staff):
    User.objects.create_user("asleep", password=STAFF_PASSWORD, is_staff=True, is_active=False)
    known = [sign_in(name="staff", address=f"203.0.113.{n}") for n in range(7)]
    unknown = [sign_in(name="nobody", address=f"198.51.100.{n}") for n in range(7)]
    asleep = [sign_in(name="asleep", address=f"192.0.2.{n}") for n in range(7)]
    assert [without_the_like(a) for a in known] == [without_the_like(a) for a in unknown]
    assert [a.status_code for a in known] == [a.status_code for a in asleep]


def test_an_account_that_does_not_exist_costs_the_same_queries(staff):
    def queries(name, address):
        with CaptureQueriesContext(connection) as caught:
            sign_in(name=name, address=address)
        # Up to the first value.
        return [re.split("WHERE|VALUES", query["sql"])[0] for query in caught]

    assert queries("staff", HOME) == queries("nobody", THIRD)


def test_names_that_look_alike_to_the_account_table_share_a_limit(staff):
    names = ["staff", "STAFF", "ｓｔａｆｆ", "Staff", "sTAFF", "staff"]
    tried = [
        sign_in(name=name, address=f"203.0.113.{n}").status_code for n, name in enumerate(names)
    ]
    assert tried == [200] * 5 + [429]


@pytest.mark.django_db(transaction=True)
def test_sixteen_at_once_get_no_more_than_five_guesses(staff):
    gate = threading.Barrier(16)

    def guess(n):
        gate.wait()
        try:
            return sign_in(address=f"203.0.113.{n}").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(guess, range(16)))
    assert (got.count(200), got.count(429)) == (5, 11)


def test_the_refusal_is_a_page_with_the_wait_in_words(staff):
    answer = [sign_in() for _ in range(6)][-1]
    page = answer.content.decode()
    wait_s = int(answer["Retry-After"])
    assert 1 <= wait_s <= 60
    assert f"Try again in {wait_s} second" in page
    assert "Pharos" in page


def test_the_refusal_of_a_program_is_json(staff):
    answer = [sign_in(HTTP_ACCEPT="application/json") for _ in range(6)][-1]
    body = json.loads(answer.content)
    assert (answer.status_code, body["error"]) == (429, "throttled")
    assert body["details"]["limit"] == 5
    assert int(answer["Retry-After"]) == body["details"]["retry_after_s"]


def test_refusals_are_told_once_a_minute_and_not_by_the_thousand(staff):
    statuses(30)
    told = AuditEntry.objects.filter(action="login.refused")
    assert [entry.target for entry in told] == ["staff"]
    assert AuditEntry.objects.filter(action="login.failure").count() == 5


def test_counters_name_neither_accounts_nor_addresses(staff):
    statuses(6)
    keys = b" ".join(limiter._window().storage.scan_iter("rl:*"))
    assert b"login:" in keys
    assert b"staff" not in keys
    assert STRANGER.encode() not in keys


def test_without_redis_this_process_still_counts(staff, monkeypatch):
    monkeypatch.setattr(limiter._breaker, "_until", float("inf"))
    assert sign_in(STAFF_PASSWORD).status_code == 302
    assert statuses(6, address=THIRD) == [200] * 5 + [429]


@pytest.mark.parametrize("name", ["", "\0", "x" * 200_000, "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"), "<script>"])  # fmt: skip  # noqa: E501
def test_hostile_names_are_failures_like_any_other(staff, name):
    assert statuses(6, name=name) == [200] * 5 + [429]


def test_a_form_without_its_token_is_refused_before_it_counts(staff):
    strict = Client(enforce_csrf_checks=True)
    assert statuses(9, client=strict) == [403] * 9
    assert sign_in().status_code == 200


def every_pattern(resolver, prefix=""):
    for entry in resolver.url_patterns:
        here = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from every_pattern(entry, here)
        elif isinstance(entry, URLPattern):
            yield here, entry.callback


def test_there_is_no_other_way_to_sign_in():
    assert resolve("/admin/login/").func is login
    ways = {
        path for path, view in every_pattern(get_resolver())
        if "login" in path or getattr(view, "view_class", None) is LoginView
    }  # fmt: skip
    assert ways == {"admin/login/"}
    assert django_settings.AUTHENTICATION_BACKENDS == ["django.contrib.auth.backends.ModelBackend"]
    schemes = django_settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]
    assert [name.rpartition(".")[2] for name in schemes] == [
        "BearerKeyAuthentication", "StaffSessionAuthentication",
    ]  # fmt: skip


@pytest.mark.parametrize("spelt", ["{0}staff", "staff{0}", "{0}staff{0}"])
def test_spaces_around_the_name_make_no_new_account(staff, spelt):
    """The form takes them off, so whoever guesses could write the name in endless ways."""
    spaces = ["", " ", "\t", "\u00a0", "\u3000", "  ", "\n", "   "]
    tried = [
        sign_in(name=spelt.format(space), address=f"203.0.113.{n}").status_code
        for n, space in enumerate(spaces)
    ]
    assert tried == [200] * 5 + [429] * 3


def test_a_familiar_address_is_one_however_the_name_is_spaced(staff):
    assert sign_in(STAFF_PASSWORD, " staff ", HOME).status_code == 302
    for n in range(9):
        sign_in(address=f"203.0.113.{n}")
    assert sign_in(STAFF_PASSWORD, " staff ", HOME).status_code == 302
    assert AuditEntry.objects.filter(action="login.refused").values_list("target").first() == (
        "staff",
    )
