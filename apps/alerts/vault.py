"""Secrets of channels: sealed under SECRET_KEY, hashed for comparison, masked for eyes.

A rotated SECRET_KEY keeps opening old seals while the former one stands in SECRET_KEY_FALLBACKS.
"""

import base64
import hashlib
import hmac
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBrokenError(Exception):
    """The sealed text cannot be opened: SECRET_KEY is not the one it was sealed with."""


def seal(text: str) -> str:
    """Encrypted and authenticated, as ASCII."""
    return _fernet().encrypt(text.encode()).decode()


def open_sealed(sealed: str) -> str:
    """The text again. Raises SealBrokenError."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBrokenError(
            "The target cannot be decrypted: SECRET_KEY has changed. Enter the target again."
        ) from None


def fingerprint(text: str) -> str:
    """A keyed hash, equal for equal texts, useless for guessing without SECRET_KEY."""
    return hmac.new(
        _derive(settings.SECRET_KEY, b"hash"), text.encode(), hashlib.sha256
    ).hexdigest()


def mask(kind: str, target: str) -> str:
    """What may be shown of a target: the host of a URL, an address's first letter and domain."""
    if kind == "email":
        local, _, domain = target.rpartition("@")
        return f"{local[:1]}***@{domain}"
    parts = urlsplit(target)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/***"


def _fernet() -> MultiFernet:
    return _fernet_for((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _fernet_for(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key, b"fernet"))) for key in keys])


@lru_cache(maxsize=16)
def _derive(key: str, use: bytes) -> bytes:
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"pharos.alerts." + use)
    return hkdf.derive(key.encode())
