"""One text for one plan: the JSON Canonicalization Scheme (RFC 8785), and its SHA-256.

Every number is an IEEE double and written as ECMAScript writes it: the shortest digits that read
back as the same double, no exponent from 1e-6 up to below 1e21, no fraction for whole numbers and
no minus for zero. So 1, 1.0 and 1e0 are one plan. Whole numbers a double cannot hold are refused.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.core.errors import InvalidInputError
from apps.core.proposals.conf import JSON_DEPTH


class Decoder(json.JSONDecoder):
    """Reads whole numbers beyond 18 digits as the doubles they are, which every encoder can write.

    PostgreSQL hands 1e300 back as a 1 and 300 zeros.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "parse_int": _whole})


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= 18 else float(digits)


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON in UTF-8. Raises InvalidInputError for what is not JSON."""
    try:
        return _text(value, 0).encode()
    except UnicodeEncodeError:
        raise InvalidInputError("Half a surrogate pair is no text.") from None


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _text(value: Any, depth: int) -> str:
    if depth > JSON_DEPTH:
        raise InvalidInputError(f"This is nested deeper than {JSON_DEPTH} levels.")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item, depth + 1) for item in value) + "]"
    raise InvalidInputError(f"JSON has no {type(value).__name__}.")


def _object(value: Mapping[Any, Any], depth: int) -> str:
    if not all(isinstance(key, str) for key in value):
        raise InvalidInputError("The keys of a JSON object are text.")
    # RFC 8785 sorts by UTF-16 code units, which differs from code points beyond U+FFFF.
    keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{_string(k)}:{_text(value[k], depth + 1)}" for k in keys) + "}"


def _string(value: str) -> str:
    if "\0" in value:
        raise InvalidInputError("A NUL character cannot be stored.")
    return json.dumps(value, ensure_ascii=False)


def _number(value: int | float) -> str:
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise InvalidInputError("JSON has no infinite number and no NaN.")
    text = _ecmascript(double)
    # PostgreSQL hands back a large double as its shortest digits: such a whole number is that
    # double too, though not its exact value.
    if isinstance(value, int) and value not in (int(double), Decimal(text)):
        raise InvalidInputError("A whole number this large is not exact; write it as text.")
    return text


def _ecmascript(double: float) -> str:
    if double == 0:
        return "0"
    mantissa, _, exponent = repr(abs(double)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The number is 0.DIGITS times ten to the `point`.
    point = len(whole) + int(exponent or 0)
    if whole.strip("0") == "":
        point -= len(whole) + len(fraction) - len(fraction.lstrip("0"))
    return ("-" if double < 0 else "") + _placed(digits.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = f"e{point - 1:+d}"
    return (digits if count == 1 else f"{digits[0]}.{digits[1:]}") + power
