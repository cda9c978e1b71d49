"""What a search of log lines asks for."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

# The lowest number of each of OTLP's severity ranges.
LEVELS: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines; empty means all. `text` holds the terms of `logtext`; `level` and those above.

    `attrs` are names and texts that attributes must have, `request_id` one under its usual name.
    """

    service: str = ""
    level: str = ""
    text: str = ""
    trace_id: UUID | None = None
    attrs: tuple[tuple[str, str], ...] = ()
    request_id: str = ""

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """All attributes asked for."""
        more = (("request_id", self.request_id),) if self.request_id else ()
        return (*self.attrs, *more)
