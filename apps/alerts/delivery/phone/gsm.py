"""How long a text is as short messages (3GPP TS 23.038): GSM-7 where every letter is in it, else
UCS-2. One part holds 160 or 70 units, each of several parts 153 or 67."""

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each takes two units: an escape goes before it.
_EXTENDED: Final = frozenset("^{}\\[~]|€\f")
_ELLIPSIS: Final = "..."


def segments(text: str) -> int:
    """The number of short messages this text is sent and paid as."""
    units, single, part = _measure(text)
    return 1 if units <= single else -(-units // part)


def fit(head: str, tail: str, most: int) -> str:
    """`head` shortened so that it and `tail` fit into `most` segments; `tail` is kept whole."""
    if segments(head + tail) <= most:
        return head + tail
    # The longest head that fits: fitting is monotonous in the length.
    low, high = 0, len(head)
    while low < high:
        middle = (low + high + 1) // 2
        if segments(head[:middle].rstrip() + _ELLIPSIS + tail) <= most:
            low = middle
        else:
            high = middle - 1
    return head[:low].rstrip() + _ELLIPSIS + tail


def _measure(text: str) -> tuple[int, int, int]:
    """Units, and how many fit into a single message and into a part of several."""
    if all(char in _BASIC or char in _EXTENDED for char in text):
        return sum(2 if char in _EXTENDED else 1 for char in text), 160, 153
    # A letter beyond the basic plane takes two.
    return len(text.encode("utf-16-be")) // 2, 70, 67
