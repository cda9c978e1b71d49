"""JSON as callers send it."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


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
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            # Its message may quote what was sent; line and column do not.
            raise ParseError(
                f"The body is not JSON: see line {error.lineno}, column {error.colno}."
            ) from None
