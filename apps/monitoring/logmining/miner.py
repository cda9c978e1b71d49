"""Templates of log lines, found as Drain finds them (He, Zhu, Zheng, Lyu: ICWS 2017).

Lines with as many words, the same signs between them and the same first word are compared with the
templates there are; one that agrees in half of its words joins the likest, and words that differ
become values. Templates are few by construction: past the limit of a service, new ones are "other".
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from apps.monitoring.logmining.shapes import VALUE, Shape, masked, shape

MOST_TEMPLATES: Final = 2000
# Of all services together: whoever invents services invents templates, and all are in memory.
MOST_OF_ALL: Final = 50_000
_LIKE: Final = 0.5
_MOST_REMEMBERED: Final = 20_000
# The template of all lines that found no room; no line looks like it.
OTHER: Final = ""
_Key = tuple[str, int, tuple[str, ...], str]


@dataclass(eq=False, slots=True)
class Template:
    """One sentence of a service at a level. `id` is None until it is kept."""

    service: str
    level: int
    words: list[str]
    between: tuple[str, ...]
    id: int | None = None
    sample: str = ""
    changed: bool = False

    @property
    def text(self) -> str:
        """As it reads; "" for all others together."""
        return Shape(tuple(self.words), self.between).text


@dataclass
class Miner:
    """Finds the template of a line; remembers those of many services. Not thread-safe."""

    most: int = MOST_TEMPLATES
    _by_key: dict[_Key, list[Template]] = field(default_factory=lambda: defaultdict(list))
    _others: dict[tuple[str, int], Template] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _all: int = 0
    _seen: dict[tuple[str, int, str], Template] = field(default_factory=dict)

    def know(self, template_id: int, service: str, level: int, text: str) -> None:
        """Take up a template that is kept already."""
        form = shape(text)
        known = Template(service, level, list(form.words), form.between, template_id)
        if text == OTHER:
            self._others[service, level] = known
        else:
            self._add(known)

    def find(self, service: str, level: int, body: str) -> Template:
        """The template of this line, new or made more general if need be."""
        text = masked(body)
        found = self._seen.get((service, level, text))
        if found is None:
            found = self._find(service, level, shape(text), body)
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[service, level, text] = found
        return found

    def _find(self, service: str, level: int, form: Shape, body: str) -> Template:
        best, agreed = None, 0.0
        for template in self._by_key.get(_key(service, level, form.words, form.between), ()):
            share = _agreement(template.words, form.words)
            if share > agreed:
                best, agreed = template, share
        if best is not None and agreed >= _LIKE:
            _generalise(best, form.words)
            return best
        full = self._count[service] >= self.most or self._all >= MOST_OF_ALL
        if full or not form.text:
            return self._other(service, level, body)
        template = Template(
            service, level, list(form.words), form.between, sample=body[:500], changed=True
        )
        self._add(template)
        return template

    def _add(self, template: Template) -> None:
        key = _key(template.service, template.level, template.words, template.between)
        self._by_key[key].append(template)
        self._count[template.service] += 1
        self._all += 1

    def _other(self, service: str, level: int, body: str) -> Template:
        found = self._others.get((service, level))
        if found is None:
            found = Template(service, level, [OTHER], (), sample=body[:500], changed=True)
            self._others[service, level] = found
        return found


def _key(
    service: str, level: int, words: "list[str] | tuple[str, ...]", between: tuple[str, ...]
) -> _Key:
    # A value may begin a line: those share one place, whatever it was.
    first = VALUE if VALUE in words[0] else words[0]
    return service, level, between, first


def _agreement(known: list[str], words: tuple[str, ...]) -> float:
    """The share of words that are the same; values agree with values, and count as half."""
    same = 0.0
    for one, other in zip(known, words, strict=True):
        if one == other:
            same += 0.5 if one == VALUE else 1.0
        elif one == VALUE:
            same += 0.25
    fixed = sum(0.5 if word == VALUE else 1.0 for word in known)
    return same / fixed


def _generalise(template: Template, words: tuple[str, ...]) -> None:
    for place, word in enumerate(words):
        if template.words[place] not in (word, VALUE):
            template.words[place] = VALUE
            template.changed = True
