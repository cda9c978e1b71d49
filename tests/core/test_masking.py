"""Secrets and personal data do not leave the process."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.core.masking import MASK, is_secret, mask, mask_text

SECRETS = st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=12, max_size=40)
# Words that no secret of letters and digits can be part of.
AROUND = st.text(alphabet=" ,.!가é\n", max_size=20)


@given(AROUND, SECRETS, AROUND)
@pytest.mark.parametrize(
    "shape",
    [
        "password={}", "passwd: {}", '{{"api_key": "{}"}}', "Authorization: Bearer {}",
        "authorization=Basic {}", "DEBUG bearer {}", "postgres://user:{}@db.example/x",
        "redis://:{}@cache:6379/0", "'client_secret' => '{}'", "X-Api-Key: {}",
        "Set-Cookie: sessionid={}", "csrfmiddlewaretoken={}&next=1", "token = \"{}\"",
        "eyJhbGciOi.{}.c2ln", "refresh_token:{}", "mail {}@example.com now",
    ],
)  # fmt: skip
def test_a_secret_in_a_text_is_masked(shape, before, secret, after):
    # A "secret" that stands around itself anyway is none.
    assume(secret not in f"{before}{shape.format(MASK)}{after}")
    masked = mask_text(f"{before}{shape.format(secret)}{after}")
    assert secret not in masked
    assert MASK in masked


@given(SECRETS, st.integers(min_value=0, max_value=5))
@pytest.mark.parametrize("key", ["password", "Authorization", "api-key", "access_token", "DSN"])
def test_a_field_named_after_a_secret_is_masked_at_any_depth(key, secret, depth):
    assume(secret not in f"inner list {key} {MASK}")
    value = {key: secret, "list": [f"{key}={secret}"]}
    for _ in range(depth):
        value = {"inner": value}
    assert secret not in str(mask(value))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner:
    st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
))  # fmt: skip
def test_any_value_is_masked_without_an_error_and_masking_again_changes_nothing(value):
    once = mask(value)
    assert mask(once) == once


@pytest.mark.parametrize(
    "text",
    ["GET /admin/auth/user/ took 12 ms", "passes: 3", "3 tokens left", "a.b@c", "key value"],
)
def test_plain_words_stay(text):
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("key", "secret"),
    [("token_count", False), ("csrf_token", True), ("password2", True), ("keyboard", False),
     ("cookies", True), ("session_id", True), ("session", False), ("DATABASE_DSN", True)],
)  # fmt: skip
def test_names_of_secrets_are_known(key, secret):
    assert is_secret(key) is secret


def test_a_long_hostile_text_takes_no_time():
    for hostile in ("password=" * 2_000, "a@" * 8_000, "://" * 5_000, '"' * 16_000, "eyJ." * 4_000):
        mask_text(hostile)


def test_a_private_key_goes_whole():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAAAA\n-----END RSA PRIVATE KEY-----"
    assert mask_text(f"got {key} here") == f"got {MASK} here"
