"""How answers travel: compression, and how long files may be kept."""

from collections.abc import MutableMapping

from portal.settings import environment as _env

# What a CDN or a proxy in front does better is switched off here.
DELIVERY_MIDDLEWARE = (
    ["apps.core.delivery.compression.CompressionMiddleware"] if _env.COMPRESSION else []
)


_DOCUMENTS = (".html", ".htm", ".xhtml", ".xml")


def _of_files(headers: MutableMapping[str, str], path: str, _url: str) -> None:
    """What a file needs to say of itself; what carries its hash in its name never changes."""
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if path.endswith(_DOCUMENTS):
        # None of ours: a library brings one along. It may do nothing.
        headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    if "immutable" in headers["Cache-Control"]:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"


WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_ADD_HEADERS_FUNCTION = _of_files
