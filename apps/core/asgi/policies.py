"""The policies that answers given on the event loop carry."""

from functools import cache

from django.conf import settings

from apps.core.asgi.types import Headers
from apps.core.errors import ERROR_STYLE_SOURCE


@cache
def headers() -> Headers:
    """What Django's middleware says of caching and other sites, for answers without Django."""
    policy = (
        f"default-src 'none'; style-src {ERROR_STYLE_SOURCE}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    texts = {
        "cache-control": "private, no-store",
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": settings.SECURE_REFERRER_POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    if settings.SECURE_HSTS_SECONDS:
        # Browsers take it over TLS only; whether a proxy spoke TLS is not looked up here.
        texts["strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return [(name.encode(), str(value).encode()) for name, value in texts.items()]
