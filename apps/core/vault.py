"""Texts sealed under SECRET_KEY for storage, and keyed hashes to compare them by.

Each purpose has keys of its own: what was sealed for one cannot be opened as another's. A rotated
SECRET_KEY keeps opening old seals while the former one stands in SECRET_KEY_FALLBACKS.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBrokenError(Exception):
    """The sealed text cannot be opened: SECRET_KEY is not the one it was sealed with."""

    def __init__(self) -> None:
        super().__init__(
            "This secret cannot be decrypted: SECRET_KEY has changed. Enter it again, or put the "
            "former key into PHAROS_SECRET_KEY_FALLBACKS."
        )


def seal(text: str, *, purpose: str) -> str:
    """Encrypted and authenticated, as ASCII."""
    return _fernet(_keys(), purpose).encrypt(text.encode()).decode()


def open_sealed(sealed: str, *, purpose: str) -> str:
    """The text again. Raises SealBrokenError."""
    try:
        return _fernet(_keys(), purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBrokenError from None


def reseal(sealed: str, *, purpose: str) -> str | None:
    """The same text under today's key; None when it is so already. Raises SealBrokenError."""
    try:
        _fernet(_keys()[:1], purpose).decrypt(sealed.encode())
    except InvalidToken:
        return seal(open_sealed(sealed, purpose=purpose), purpose=purpose)
    return None


def fingerprint(text: str, *, purpose: str) -> str:
    """A keyed hash, equal for equal texts, useless for guessing without SECRET_KEY."""
    return fingerprints(text, purpose=purpose)[0]


def fingerprints(text: str, *, purpose: str) -> list[str]:
    """The fingerprint under today's key, then those under the former ones, for finding rows."""
    return [
        hmac.new(_derive(key, purpose, "hash"), text.encode(), hashlib.sha256).hexdigest()
        for key in _keys()
    ]


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=32)
def _fernet(keys: tuple[str, ...], purpose: str) -> MultiFernet:
    derived = [base64.urlsafe_b64encode(_derive(key, purpose, "fernet")) for key in keys]
    return MultiFernet([Fernet(key) for key in derived])


@lru_cache(maxsize=64)
def _derive(key: str, purpose: str, use: str) -> bytes:
    info = f"pharos.{purpose}.{use}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(key.encode())
