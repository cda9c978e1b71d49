"""Telephone numbers in E.164: a plus, the country, the number; at most 15 digits."""

import re
from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_KOREA: Final = "+82"
_SPACERS: Final = re.compile(r"[\s().\-]")


def canonical(number: str) -> str:
    """`+821012345678` for `+82 10-1234-5678`. Raises InvalidInputError without a country."""
    plain = _SPACERS.sub("", number)
    if plain.startswith("+820"):
        # People write the 0 of the long-distance prefix behind the country too.
        plain = _KOREA + plain[4:]
    if not _E164.fullmatch(plain):
        words = _("A telephone number begins with + and its country, for example +821012345678.")
        raise InvalidInputError(words)
    return plain


def korean(number: str) -> str | None:
    """`01012345678` for `+821012345678`; None for another country's number."""
    return "0" + number.removeprefix(_KOREA) if number.startswith(_KOREA) else None


def masked(number: str) -> str:
    """What may be shown: `+82•••••678`."""
    return f"{number[:3]}•••••{number[-3:]}"
