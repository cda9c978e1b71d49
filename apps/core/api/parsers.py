"""JSON as callers send it."""

from collections.abc import Mapping
from typing import IO, Any, Final

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

# What comes after reads values by recursion; nobody means a hundred levels.
DEEPEST: Final = 100


class JSONParser(BaseParser):
    """UTF-8, as RFC 8259 has it, whatever charset is named. Deep nesting is refused, not met."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 (DRF's signature)
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        """The value. Raises ParseError that says where the text stops being JSON."""
        raw = stream.read()
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            # Its message may quote what was sent; line and column do not.
            raise ParseError(
                f"The body is not JSON: see line {error.lineno}, column {error.colno}."
            ) from None
        # Counting brackets is quick, and enough for nearly every body.
        if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_deep(value):
            raise ParseError(f"The body is nested deeper than {DEEPEST} levels.")
        return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
