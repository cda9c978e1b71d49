"""Secrets and personal data out of texts and fields, before they leave the process.

Better one word too many than one secret: what merely looks like a secret is masked too.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"
_DEEPEST: Final = 6

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|authorization|cookie|credentials?|api[-_]?key"
    r"|private[-_]?key|access[-_]?key|session[-_]?(?:id|key)|sessionid|csrf\w*|dsn|signature|otp"
)
# Ends, not parts: `token_count` is a figure, `csrf_token` is a secret.
_KEY = re.compile(rf"(?:{_WORDS})s?(?:[-_.]?(?:hash|value|header|\d{{1,3}}))?\Z", re.IGNORECASE)


def _compile(pattern: str) -> re.Pattern[str]:
    # ASCII: else a secret right behind a Korean or accented letter would be inside a "word".
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_TEXT: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (_compile(r"-----BEGIN [A-Z ]{0,40}KEY-----(?s:.*?)(?:-----END [A-Z ]{0,40}-----|\Z)"), MASK),
    # The password may hold an @ of its own: up to the last one before the host ends.
    (_compile(r"([a-z][a-z0-9+.-]{1,20}://)[^\s/?#\"'<>]*@"), rf"\1{MASK}@"),
    (_compile(r"\b(bearer|basic|digest)(\s+)[^\s,;\"']{4,}"), rf"\1\2{MASK}"),
    (
        _compile(
            rf"((?:{_WORDS})[\"']?\s{{0,3}}(?:[:=]>?|=>)\s{{0,3}})"
            r"(?:(?:bearer|basic|digest|token)\s+)?"
            r"(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&)}\]\"']+)"
        ),
        rf"\1{MASK}",
    ),
    (_compile(r"eyJ[\w-]{4,}(?:\.[\w-]*){1,4}"), MASK),
    # Keys of our own, and those of well-known services.
    (_compile(r"\b[a-z0-9]{8}\.[a-z0-9]{32}\b"), MASK),
    (_compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (_compile(r"\b(?:sk|pk|rk|gh[opsu]|github_pat|glpat|xox[abprs])[-_][\w-]{10,}"), MASK),
    (_compile(r"[a-z0-9._%+-]{1,64}@((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})\b"), rf"{MASK}@\1"),
)


def is_secret(key: str) -> bool:
    """Whether a field of this name holds something nobody may read."""
    return _KEY.search(key) is not None


def mask_text(text: str) -> str:
    """`text` without credentials, tokens and e-mail addresses."""
    for pattern, replacement in _TEXT:
        text = pattern.sub(replacement, text)
    return text


def mask(value: Any, key: str = "", depth: int = 0) -> Any:
    """`value` masked by the name of its field and by what it looks like.

    Returns JSON types; anything else becomes its masked text.
    """
    if value is not None and key and is_secret(key):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {mask_text(str(k)): mask(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        return [mask(v, "", depth + 1) for v in value]
    return mask_text(str(value))
