"""What somebody types into a text search, as terms: words, "phrases", and -what must not be there.

A term is found anywhere in a line, in any case, also inside a word. That is what an index of
trigrams answers, and what a scan of lines not indexed yet answers the same.
"""

import re
from dataclasses import dataclass
from typing import Final

from apps.monitoring.queries.walk import containing

# A phrase may hold quotes as \"; one that is not closed reaches to the end.
_TERM: Final = re.compile(r'(-?)"((?:[^"\\]|\\.)*)(?:"|$)|(-?)(\S+)')
_ESCAPED: Final = re.compile(r'\\(["\\])')
MOST_TERMS: Final = 12


@dataclass(frozen=True, slots=True)
class Terms:
    """What a line must hold, and what it must not."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[list[str], list[str]]:
        """Both as LIKE patterns with nothing left of what LIKE would read into them."""
        return (
            [pattern for term in self.wanted if (pattern := containing(term))],
            [pattern for term in self.unwanted if (pattern := containing(term))],
        )


def parse(text: str) -> Terms:
    """The terms of a text, at most twelve; what is beyond them is left out. Never raises."""
    wanted: dict[str, None] = {}
    unwanted: dict[str, None] = {}
    for match in _TERM.finditer(text):
        if len(wanted) + len(unwanted) >= MOST_TERMS:
            break
        minus, phrase, word_minus, word = match.groups()
        term = _ESCAPED.sub(r"\1", phrase) if word is None else word
        minus = word_minus if word is not None else minus
        # A lone quote or phrase of nothing asks for nothing.
        if term:
            (unwanted if minus else wanted)[term] = None
    return Terms(tuple(wanted), tuple(unwanted))


def quoted(phrase: str) -> str:
    """The text that searches for exactly this phrase."""
    escaped = phrase.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
