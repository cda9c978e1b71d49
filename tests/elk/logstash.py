"""As much of Logstash's pipeline language as `elk_config` uses, to run it on lines.

Conditionals on the presence of a field, and the filters json, date, mutate and translate, by their
documentation: within one mutate, rename comes before replace; add_field and remove_field come last.
"""

import json
import re
from datetime import datetime
from typing import Any

_TOKEN = re.compile(r'\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|=>|[{}\[\]!,]|[\w.:-]+')
_FIELD = re.compile(r"\[([^\[\]]+)\]")


def tokens(text: str) -> list[str]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise SyntaxError(f"at {text[place : place + 30]!r}")
        place = match.end()
        if match.group().strip() and not match.group().startswith("#"):
            found.append(match.group())
    return found


class Parser:
    """Sections of plugins and conditionals; raises SyntaxError."""

    def __init__(self, text: str) -> None:
        self.left = tokens(text)[::-1]

    def next(self, expected: str | None = None) -> str:
        token = self.left.pop() if self.left else ""
        if expected is not None and token != expected:
            raise SyntaxError(f"{expected!r} expected, {token!r} found")
        return token

    def peek(self) -> str:
        return self.left[-1] if self.left else ""

    def pipeline(self) -> dict[str, list[Any]]:
        sections = {}
        while self.left:
            name = self.next()
            sections[name] = self.block()
        return sections

    def block(self) -> list[Any]:
        self.next("{")
        body = []
        while self.peek() != "}":
            body.append(self.condition() if self.peek() == "if" else self.plugin())
        self.next("}")
        return body

    def condition(self) -> tuple[Any, ...]:
        self.next("if")
        negated = self.peek() == "!"
        if negated:
            self.next()
        path = self.field()
        then = self.block()
        otherwise = []
        if self.peek() == "else":
            self.next()
            otherwise = self.block()
        return ("if", negated, path, then, otherwise)

    def field(self) -> str:
        path = ""
        while self.peek() == "[":
            self.next()
            path += f"[{self.next()}]"
            self.next("]")
        return path

    def plugin(self) -> tuple[Any, ...]:
        name, options = self.next(), {}
        self.next("{")
        while self.peek() != "}":
            key = self.next()
            self.next("=>")
            options[key] = self.value()
        self.next("}")
        return (name, options)

    def value(self) -> Any:
        token = self.next()
        if token == "[":
            found = []
            while self.peek() != "]":
                found.append(self.value())
                if self.peek() == ",":
                    self.next()
            self.next("]")
            return found
        if token == "{":
            pairs = {}
            while self.peek() != "}":
                key = self.value()
                self.next("=>")
                pairs[key] = self.value()
            self.next("}")
            return pairs
        if token in {"true", "false"}:
            return token == "true"
        return json.loads(token) if token.startswith('"') else token


def path_of(name: str) -> list[str]:
    return _FIELD.findall(name) or [name]


def read(event: dict, name: str) -> Any:
    value: Any = event
    for part in path_of(name):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def write(event: dict, name: str, value: Any) -> None:
    *parents, last = path_of(name)
    for part in parents:
        event = event.setdefault(part, {})
    event[last] = value


def remove(event: dict, name: str) -> None:
    *parents, last = path_of(name)
    for part in parents:
        event = event.get(part, {})
    event.pop(last, None)


def filled(event: dict, text: str) -> str:
    return re.sub(r"%\{([^}]+)\}", lambda found: str(read(event, found[1])), text)


def run(filters: list[Any], event: dict) -> dict:
    """The event after the filters."""
    for step in filters:
        if step[0] == "if":
            _, negated, path, then, otherwise = step
            holds = (read(event, path) is not None) != negated
            run(then if holds else otherwise, event)
            continue
        name, options = step
        FILTERS[name](event, dict(options))
        for field, value in options.get("add_field", {}).items():
            write(event, field, filled(event, value))
        for field in options.get("remove_field", ()):
            remove(event, field)
        event.setdefault("tags", []).extend(options.get("add_tag", ()))
    return event


def _json(event: dict, options: dict) -> None:
    try:
        write(event, options["target"], json.loads(read(event, options["source"])))
    except ValueError:
        assert options["skip_on_invalid_json"]


def _date(event: dict, options: dict) -> None:
    field, pattern = options["match"]
    assert pattern == "ISO8601"
    write(event, options["target"], datetime.fromisoformat(read(event, field)))


def _mutate(event: dict, options: dict) -> None:
    for old, new in options.get("rename", {}).items():
        value = read(event, old)
        remove(event, old)
        write(event, new, value)
    for field, text in options.get("replace", {}).items():
        write(event, field, filled(event, text))
    assert options.keys() <= {"rename", "replace", "add_field", "remove_field", "add_tag"}


def _translate(event: dict, options: dict) -> None:
    value = read(event, options["source"])
    if value is not None:
        fallback = filled(event, options["fallback"])
        write(event, options["target"], options["dictionary"].get(value, fallback))


FILTERS = {"json": _json, "date": _date, "mutate": _mutate, "translate": _translate}
