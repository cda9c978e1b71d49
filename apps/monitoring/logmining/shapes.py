"""A line without its values: the first step of finding its template."""

import re
from dataclasses import dataclass
from typing import Final

VALUE: Final = "<*>"
_LONGEST: Final = 1000
_MOST_WORDS: Final = 64
# A run with a digit in it: numbers, times, ids, addresses, versions. It begins where a run begins
# and takes what is before the digit at once, so no text can make it look twice at a letter.
_WITH_DIGIT: Final = re.compile(r"(?<![\w.@:%+\-])(?:[^\W\d]|[.@:%+\-])*+\d[\w.@:%+\-]*+(?<![.:])")
_ADDRESS: Final = re.compile(r"(?<![\w.+\-])[\w.+\-]++@[\w\-]++(?:\.[\w\-]++)+")
_BETWEEN: Final = re.compile(r"""([\s,;=:"'(){}\[\]|]+)""")


@dataclass(frozen=True, slots=True)
class Shape:
    """Words, and what stands between them: `between` is one shorter than `words`."""

    words: tuple[str, ...]
    between: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it reads."""
        parts = [self.words[0]]
        for gap, word in zip(self.between, self.words[1:], strict=True):
            parts += (gap, word)
        return "".join(parts)


def masked(body: str) -> str:
    """The first line of a body, at most 1,000 letters, with `<*>` for each value."""
    first = body.lstrip()[:_LONGEST].split("\n", 1)[0].rstrip()
    if "@" in first:
        first = _ADDRESS.sub(VALUE, first)
    return _WITH_DIGIT.sub(VALUE, first)


def shape(text: str) -> Shape:
    """A masked text in words; what follows the 64th is one value."""
    parts = _BETWEEN.split(text, maxsplit=_MOST_WORDS)
    if len(parts) > 2 * _MOST_WORDS:
        parts[-1] = VALUE
    return Shape(tuple(parts[::2]), tuple(parts[1::2]))
