"""Devices and addresses from which an account signed in before.

The cookie proves nothing but that: whoever steals one may try a few passwords of that one account.
"""

import hmac
import secrets
import unicodedata
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from apps.core.models import AuditEntry

COOKIE: Final = "pharos_device"
_SALT: Final = "pharos.device"
_AGE_S: Final = 180 * 86_400
_ADDRESS_KEPT: Final = timedelta(days=30)


def digest(text: str) -> str:
    """What counters are keyed by: nobody reads names or addresses out of Redis."""
    # Never finer than the form, which takes spaces off and composes letters before it looks.
    plain = unicodedata.normalize("NFKC", text).strip().casefold().encode("utf-8", "replace")
    return hmac.new(settings.SECRET_KEY.encode(), b"login:" + plain, "sha256").hexdigest()[:32]


def device_of(request: HttpRequest, account: str) -> str | None:
    """The id of this device, if `account` signed in on it before."""
    try:
        known, device = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_AGE_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    same = isinstance(known, str) and hmac.compare_digest(known.encode(), digest(account).encode())
    return str(device) if same else None


def remember(request: HttpRequest, response: HttpResponseBase, account: str) -> None:
    """Let this device be known to the account from now on."""
    device = device_of(request, account) or secrets.token_urlsafe(12)
    response.set_cookie(
        COOKIE,
        signing.dumps([digest(account), device], salt=_SALT),
        max_age=_AGE_S,
        path=request.path,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Strict",
    )


def is_familiar(account: str, address: str | None) -> bool:
    """Whether `account` signed in from exactly this address of late.

    The same query for accounts that exist and for those that do not.
    """
    if address is None or "\0" in account or len(account) > 255:
        return False
    return AuditEntry.objects.filter(
        target=account,
        action="login.success",
        remote_address=address,
        at__gte=timezone.now() - _ADDRESS_KEPT,
    ).exists()
