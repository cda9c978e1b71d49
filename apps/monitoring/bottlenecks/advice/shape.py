"""What advice is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Advice:
    """`why` in one or two sentences, `steps` to take, `code` that takes them where it is known."""

    why: str
    steps: list[str]
    code: list[str]


def ms(facts: Facts, name: str) -> str:
    """A fact in microseconds, in milliseconds."""
    value = int(facts.get(name) or 0)
    return f"{value / 1000:.0f} ms" if value >= 10_000 else f"{value / 1000:.1f} ms"
