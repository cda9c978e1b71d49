"""Who may do what in a browser: policies, cookies, TLS."""

from typing import Any

from apps.core.errors import ERROR_STYLE_SOURCE
from portal.settings import environment as _env

SECRET_KEY_FALLBACKS = _env.SECRET_KEY_FALLBACKS

_HTTPS = _env.URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# This host only: its siblings are not ours to bind, and preloading cannot be taken back.
SECURE_HSTS_SECONDS = _env.HSTS_S if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_SSL_REDIRECT = _env.HTTPS_REDIRECT
SECURE_PROXY_SSL_HEADER = (
    (f"HTTP_{_env.PROXY_HTTPS_HEADER.upper().replace('-', '_')}", "https")
    if _env.PROXY_HTTPS_HEADER
    else None
)
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "apps.core.delivery.refusals.csrf_failure"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# People who come by TLS never come without: their cookies must not either. The prefix keeps a
# neighbour on the same domain from setting them.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if _HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _HTTPS else "csrftoken"

SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains and preloading: see above.
    "security.W005",
    "security.W021",
    # Plain HTTP does not reach us: the proxy redirects, or our own port speaks TLS only.
    "security.W008",
]
if not _HTTPS:
    # Without TLS on purpose, for one's own machine; core.W001 warns where others can reach it.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W012", "security.W016"]

_SELF = "'self'"
_NONE = "'none'"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [_SELF],
        "style-src": [_SELF, ERROR_STYLE_SOURCE],
        "object-src": [_NONE],
        "base-uri": [_SELF],
        "form-action": [_SELF],
        "frame-ancestors": [_NONE],
    },
}
# The skin's own scripts evaluate expressions in attributes and set its colours in a style element.
_STAFF_PAGES: dict[str, Any] = {
    "default-src": [_SELF],
    "script-src": [_SELF, "'unsafe-eval'"],
    "style-src": [_SELF, "'unsafe-inline'"],
    "img-src": [_SELF, "data:", "blob:"],
    "connect-src": [_SELF],
    "object-src": [_NONE],
    "base-uri": [_SELF],
    "form-action": [_SELF],
    "frame-ancestors": [_SELF],
}
# HTML below a prefix; everything else, and JSON there too, gets the strict policy.
PHAROS_CSP_BY_PREFIX: list[tuple[str, dict[str, Any]]] = [("/admin/", _STAFF_PAGES)]
if _env.PROFILING:
    # Silk's pages are made of inline scripts. Profiling is for a while, and for staff.
    _silk = {**_STAFF_PAGES, "script-src": [_SELF, "'unsafe-eval'", "'unsafe-inline'"]}
    PHAROS_CSP_BY_PREFIX.insert(0, ("/admin/silk/", _silk))

# Nothing here needs the machine of whoever looks; kiosks want the whole screen.
_NOT_NEEDED = (
    "accelerometer", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
    "magnetometer", "microphone", "midi", "payment", "usb",
)  # fmt: skip
PERMISSIONS_POLICY: dict[str, list[str]] = {
    **{feature: [] for feature in _NOT_NEEDED},
    "fullscreen": ["self"],
}
