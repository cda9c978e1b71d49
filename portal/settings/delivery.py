"""How answers travel: compression, and how long files may be kept."""

from collections.abc import MutableMapping

from portal.settings import environment as _env

# What a CDN or a proxy in front does better is switched off here.
DELIVERY_MIDDLEWARE = (
    ["apps.core.delivery.compression.CompressionMiddleware"] if _env.COMPRESSION else []
)


def _a_year(headers: MutableMapping[str, str], _path: str, _url: str) -> None:
    """What carries its hash in its name never changes."""
    if "immutable" in headers["Cache-Control"]:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"


WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_ADD_HEADERS_FUNCTION = _a_year
