"""Prometheus' text format 0.0.4 and OpenMetrics 1.0 → families of samples.

One regular expression a line, whose alternatives never overlap: time is linear in the text,
whatever it holds. Labels stay as they are written; `labels_of` reads them where they are new.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

_BLANK: Final = r"[ \t]+"
_LABELS: Final = r'\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}'
_SAMPLE: Final = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t]*{_LABELS}[ \t]*|{_BLANK})"
    rf"([^\s#{{]+)(?:{_BLANK}([^\s#]+))?"
    rf"(?:{_BLANK}#[ \t]*{_LABELS}{_BLANK}(\S+)(?:{_BLANK}(\S+))?)?[ \t]*"
)
_LABEL: Final = re.compile(
    r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,[ \t]*|\Z)'
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "\\": "\\", '"': '"'}
_SUFFIXES: Final = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("_count", "_sum", "_created"),
    "info": ("_info",),
}
_TYPES: Final = frozenset(_SUFFIXES) | {"gauge", "untyped", "unknown", "stateset"}
LABELS: Final = 64
_LONGEST_LINE: Final = 64 * 1024


class ExpositionError(ValueError):
    """The text is not what it claims to be; the message names the line."""


class Exemplar(NamedTuple):
    """One measured value with the trace it came from. Labels as written."""

    labels: str
    value: float
    time_ns: int | None


class Sample(NamedTuple):
    """One line. `time_ns` is None for "now", the ordinary case."""

    name: str
    labels: str
    value: float
    time_ns: int | None
    exemplar: Exemplar | None


@dataclass
class Family:
    """What TYPE and HELP say of a name, and its lines."""

    name: str
    type: str = "untyped"
    help: str = ""
    samples: list[Sample] = field(default_factory=list)
    # Native histograms of the protobuf format: they have no lines.
    natives: list[Any] = field(default_factory=list)


def parse(text: str, *, open_metrics: bool, most_samples: int) -> list[Family]:
    """All families, in order. Raises ExpositionError, also for more than `most_samples`."""
    reading = _Reading(open_metrics=open_metrics)
    count = 0
    for number, line in enumerate(_lines(text), 1):
        if len(line) > _LONGEST_LINE:
            raise ExpositionError(f"Line {number} is longer than {_LONGEST_LINE} characters.")
        try:
            count += reading.line(line)
        except ValueError as error:
            raise ExpositionError(f"Line {number}: {error}") from None
        if count > most_samples:
            raise ExpositionError(f"It has more than {most_samples} samples.")
        if len(reading.families) > most_samples:
            raise ExpositionError(f"It has more than {most_samples} families.")
    if open_metrics and not reading.ended:
        raise ExpositionError("It ends without # EOF, so a part of it is missing.")
    return list(reading.families.values())


def labels_of(raw: str) -> dict[str, str]:
    """The labels between the braces. Raises ValueError."""
    found: dict[str, str] = {}
    at = 0
    raw = raw.strip()
    while at < len(raw):
        match = _LABEL.match(raw, at)
        if match is None:
            raise ValueError("its labels cannot be read.")
        name, value = match.groups()
        if name in found:
            raise ValueError(f"the label {name} comes twice.")
        found[name] = _unescaped(value) if "\\" in value else value
        if len(found) > LABELS:
            raise ValueError(f"it has more than {LABELS} labels.")
        at = match.end()
    return found


def number(text: str) -> float:
    """A value as Go writes it. Raises ValueError."""
    if "_" in text:
        # Python's digits may be grouped, Prometheus' may not.
        raise ValueError(f"{text[:40]!r} is no number.")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no number.") from None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), text)


def _lines(text: str) -> Iterator[str]:
    """One after the other: a list of all would hold the text twice."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end + 1


class _Reading:
    """What was read so far."""

    def __init__(self, *, open_metrics: bool) -> None:
        self.families: dict[str, Family] = {}
        self.ended = False
        self._open = open_metrics
        self._owners: dict[str, Family] = {}

    def line(self, line: str) -> int:
        """How many samples the line holds. Raises ValueError."""
        line = line.rstrip("\r")
        if not line or line.isspace():
            return 0
        if self.ended:
            raise ValueError("there is text after # EOF.")
        if line.lstrip()[0] == "#":
            self._comment(line.strip())
            return 0
        match = _SAMPLE.fullmatch(line.strip())
        if match is None:
            raise ValueError("it is neither a comment nor a sample.")
        name, labels, value, time, ex_labels, ex_value, ex_time = match.groups()
        exemplar = None
        if ex_value is not None and self._open:
            exemplar = Exemplar(ex_labels or "", number(ex_value), self._time(ex_time))
        sample = Sample(name, labels or "", number(value), self._time(time), exemplar)
        self._owner(name).samples.append(sample)
        return 1

    def _time(self, text: str | None) -> int | None:
        if text is None:
            return None
        value = number(text)
        if not math.isfinite(value):
            raise ValueError("its time is no number.")
        # OpenMetrics counts seconds, the older format milliseconds.
        return round(value * 1e9) if self._open else round(value) * 1_000_000

    def _comment(self, line: str) -> None:
        words = line.split(None, 3)
        if self._open and line == "# EOF":
            self.ended = True
        elif len(words) >= 3 and words[1] == "TYPE":
            kind = words[3] if len(words) == 4 else ""
            if kind not in _TYPES:
                raise ValueError(f"{kind[:40]!r} is no type.")
            self._family(words[2]).type = kind
        elif len(words) == 4 and words[1] == "HELP":
            self._family(words[2]).help = _unescaped(words[3])

    def _family(self, name: str) -> Family:
        if name not in self.families:
            self.families[name] = Family(name)
        return self.families[name]

    def _owner(self, name: str) -> Family:
        """The family a sample belongs to; its own where none was declared."""
        found = self._owners.get(name)
        if found is None:
            found = self._declared(name) or self._family(name)
            self._owners[name] = found
        return found

    def _declared(self, name: str) -> Family | None:
        if name in self.families:
            return self.families[name]
        base, _, ending = name.rpartition("_")
        family = self.families.get(base)
        if family is not None and f"_{ending}" in _SUFFIXES.get(family.type, ()):
            return family
        return None
