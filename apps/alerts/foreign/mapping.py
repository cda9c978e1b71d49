"""How alerts are found in JSON of any shape: a path for each field. No database.

A path is `a.b.0.c`, or a list of keys where a key holds a dot. Without a mapping the names of the
fields are their paths:

    {"title": "Disk is full", "severity": "critical", "status": "firing",
     "labels": {"host": "db1"}, "summary": "…", "url": "https://…",
     "starts_at": "2026-01-31T12:00:00Z"}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apps.alerts.foreign.told import (
    ALERTNAME,
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_LABELS,
    Told,
    is_storable,
    link,
    moment,
)
from apps.core.errors import InvalidInputError

Path = Sequence[str]
_FIELDS: Final = (
    "alerts", "title", "severity", "status", "labels", "summary", "url", "starts_at", "ends_at",
)  # fmt: skip
_RESOLVED: Final = ("resolved", "ok", "closed", "inactive", "normal", "up", "recovered")
_DEEPEST: Final = 10
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Reading:
    """Where each field is. `label_paths`: labels found one by one; `resolved`: what an end is."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    label_paths: Mapping[str, Path] = field(default_factory=dict)
    resolved: tuple[str, ...] = _RESOLVED

    def path(self, name: str) -> Path:
        """Where this field is; by default under its own name, and `alerts` in the body itself."""
        return self.paths.get(name, () if name == "alerts" else (name,))


def reading_of(mapping: Any) -> Reading:
    """The mapping as people write it. Raises InvalidInputError that names the part."""
    if not isinstance(mapping, dict):
        raise InvalidInputError("A mapping is an object of fields and paths.")
    unknown = sorted(set(map(str, mapping)) - {*_FIELDS, "resolved"})
    if unknown:
        raise InvalidInputError(
            f"A mapping has no {unknown[0]!r}. There are: {', '.join((*_FIELDS, 'resolved'))}."
        )
    resolved = mapping.get("resolved", list(_RESOLVED))
    if not isinstance(resolved, list) or not all(isinstance(word, str) for word in resolved):
        raise InvalidInputError("mapping.resolved is not a list of words.")
    labels = mapping.get("labels")
    by_one = labels if isinstance(labels, dict) else {}
    if len(by_one) > MOST_LABELS or not all(by_one):
        raise InvalidInputError(f"mapping.labels names 1 to {MOST_LABELS} labels.")
    paths = {
        name: _path(mapping[name], name)
        for name in _FIELDS
        if name in mapping and not (name == "labels" and by_one)
    }
    found = {str(label): _path(path, f"labels.{label}") for label, path in by_one.items()}
    return Reading(paths, found, tuple(word.strip().lower() for word in resolved))


def alerts_in(body: Any, reading: Reading) -> list[Any]:
    """The alerts of a body: a list where `alerts` leads to, or the one thing that is there."""
    found = _at(body, reading.path("alerts"))
    if found is _NOTHING:
        raise InvalidInputError("The body has no alerts where the mapping looks for them.")
    return found if isinstance(found, list) else [found]


def read_json(raw: Any, where: str, reading: Reading) -> Told:
    """One alert. Raises InvalidInputError that names the field."""
    title = _text(_at(raw, reading.path("title")))
    labels = _labels(raw, reading)
    if title:
        labels[ALERTNAME] = title
    if not labels.get(ALERTNAME):
        raise InvalidInputError(f"{where}: an alert needs a title.")
    if severity := _text(_at(raw, reading.path("severity"))):
        labels["severity"] = severity
    starts = moment(_given(raw, reading, "starts_at"), f"{where}.starts_at")
    ends = moment(_given(raw, reading, "ends_at"), f"{where}.ends_at")
    if _text(_at(raw, reading.path("status"))).lower() in reading.resolved:
        # Over by its own word, whenever that was.
        ends = ends or starts or moment("1970-01-02T00:00:00Z", where)
    summary = _text(_at(raw, reading.path("summary")))
    url = _at(raw, reading.path("url"))
    return Told(labels, {"summary": summary} if summary else {}, starts, ends, link(url))


def _labels(raw: Any, reading: Reading) -> dict[str, str]:
    if reading.label_paths:
        found = {name: _text(_at(raw, path)) for name, path in reading.label_paths.items()}
    else:
        given = _at(raw, reading.path("labels"))
        pairs = given.items() if isinstance(given, dict) else ()
        found = {
            str(name)[:LONGEST_NAME]: _text(value) for name, value in list(pairs)[:MOST_LABELS]
        }
    return {name: value for name, value in found.items() if name and value and is_storable(name)}


def _given(raw: Any, reading: Reading, name: str) -> Any:
    found = _at(raw, reading.path(name))
    return None if found is _NOTHING else found


def _at(value: Any, path: Path) -> Any:
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _NOTHING
    return value


def _text(value: Any) -> str:
    """What is there as text: numbers and truths too, nothing for what is no single value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return ""
    text = value[:LONGEST_VALUE]
    return text.strip() if is_storable(text) else ""


def _path(path: Any, name: str) -> Path:
    keys = path.split(".") if isinstance(path, str) else path
    if (
        not isinstance(keys, list)
        or not 1 <= len(keys) <= _DEEPEST
        or not all(isinstance(key, str) and key for key in keys)
    ):
        raise InvalidInputError(f"mapping.{name} is not a path such as a.b.0.c.")
    return tuple(keys)
