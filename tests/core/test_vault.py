"""Seals open with the key of their purpose only, through rotations, and addresses hide secrets."""

import base64

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.core import masking, vault

NEW_KEY = "another key, long enough to be one " * 2


def test_a_seal_opens_after_the_key_was_rotated_and_not_without_the_old_key(settings):
    sealed = vault.seal("https://e.com/s3cr3t", purpose="alerts")
    assert "s3cr3t" not in sealed
    old, settings.SECRET_KEY = settings.SECRET_KEY, NEW_KEY
    with pytest.raises(vault.SealBrokenError, match="PHAROS_SECRET_KEY_FALLBACKS"):
        vault.open_sealed(sealed, purpose="alerts")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert vault.open_sealed(sealed, purpose="alerts") == "https://e.com/s3cr3t"
    assert vault.reseal(vault.seal("x", purpose="a"), purpose="a") is None
    renewed = vault.reseal(sealed, purpose="alerts")
    settings.SECRET_KEY_FALLBACKS = []
    assert vault.open_sealed(renewed, purpose="alerts") == "https://e.com/s3cr3t"


def test_what_channels_sealed_in_the_first_release_still_opens(settings):
    kdf = HKDF(hashes.SHA256(), 32, None, b"pharos.alerts.fernet")
    key = base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode()))
    sealed = Fernet(key).encrypt(b"https://e.com/x").decode()
    assert vault.open_sealed(sealed, purpose="alerts") == "https://e.com/x"


def test_a_seal_of_one_purpose_is_noise_to_another():
    sealed = vault.seal("x", purpose="alerts")
    with pytest.raises(vault.SealBrokenError):
        vault.open_sealed(sealed, purpose="sources")
    assert vault.fingerprint("x", purpose="a") != vault.fingerprint("x", purpose="b")


def test_a_fingerprint_is_found_under_former_keys_too(settings):
    before = vault.fingerprint("x", purpose="a")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [settings.SECRET_KEY]
    assert vault.fingerprint("x", purpose="a") != before
    assert before in vault.fingerprints("x", purpose="a")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://:secret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("redis://me:secret@[::1]:6379/0?password=x", "redis://me:***@[::1]:6379/0"),
        ("unix:///run/redis.sock?db=1&password=x", "unix:///run/redis.sock"),
        ("postgresql://a:b/c@d@one:1,two:2/shop?sslmode=require", "postgresql://a:***@one:1,two:2/shop"),
        ("https://token@sentry.example/1", "https://***@sentry.example/1"),
        ("host=db password=secret", "***"),
        ("postgresql://h:1/shop?password=p@ss", "postgresql://***"),
        ("redis://[nonsense:secret@", "redis://[nonsense:***@"),
        ("", "***"),
    ],
)  # fmt: skip
def test_servers_are_shown_without_their_secrets(address, shown):
    assert masking.dsn(address) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hooks.example.com/services/T0/s3cr3t", "https://hooks.example.com/***"),
        ("https://me:s3cr3t@hooks.example.com:8443?s3cr3t", "https://hooks.example.com:8443/***"),
        ("https://hooks.example.com:port/s3cr3t", "https://hooks.example.com:port/***"),
        ("https://hooks.example.com\\s3cr3t", "https://hooks.example.com/***"),
        ("s3cr3t", "***"),
    ],
)
def test_webhooks_are_shown_without_their_path(address, shown):
    assert masking.url(address) == shown


@pytest.mark.parametrize(("address", "shown"), [("anna@e.com", "a***@e.com"), ("anna", "***")])
def test_mail_addresses_show_a_letter_and_the_domain(address, shown):
    assert masking.email(address) == shown


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=6),
    st.sampled_from(["postgresql://u:{}@db:5432/shop?x=1", "redis://:{}@c/0", "redis://h/0?password={}"]),
)  # fmt: skip
def test_no_password_however_odd_is_shown(password, shape):
    assume(password not in "postgresql://u:***@db:5432/shop?x=1 redis://:***@c/0")
    assert password not in masking.dsn(shape.format(password))
