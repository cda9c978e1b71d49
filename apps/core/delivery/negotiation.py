"""Which content coding a client wants (RFC 9110, 12.5.3)."""

import re
from functools import lru_cache
from typing import Final

IDENTITY: Final = "identity"
# Of codings wanted alike the first one wins: brotli is smallest, zstd quickest, gzip for the rest.
CODINGS: Final = ("br", "zstd", "gzip")
# Browsers send some 30 characters; more is no browser.
_LONGEST: Final = 512
_QUALITY: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z", re.ASCII)


def choose(accept_encoding: str) -> str:
    """One of CODINGS, or `identity`, which is also for headers that cannot be read."""
    if not accept_encoding or len(accept_encoding) > _LONGEST:
        return IDENTITY
    return _choose(accept_encoding)


@lru_cache(maxsize=256)
def _choose(accept_encoding: str) -> str:
    wanted: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, quality = _element(part)
        if name:
            wanted["gzip" if name == "x-gzip" else name] = quality
    others = wanted.get("*", 0.0)
    best, highest = IDENTITY, wanted.get(IDENTITY, 0.0)
    for coding in reversed(CODINGS):
        quality = wanted.get(coding, others)
        if quality > 0 and quality >= highest:
            best, highest = coding, quality
    return best


def _element(part: str) -> tuple[str, float]:
    """Name and quality; an unreadable quality is 0: what is not understood is not sent."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            value = value.strip()
            return name, float(value) if _QUALITY.match(value) else 0.0
    return name, 1.0
