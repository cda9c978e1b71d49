"""Statements without their values, and short names for them. Runs in the flusher only."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

_LONGEST: Final = 16_384
_KEPT: Final = 2_048

# Quoted identifiers come first so that a quote inside one opens no string. A string or a comment
# cut off by the length limit runs to the end.
_VALUE = re.compile(
    r"""("(?:[^"]|"")*")
    |(--[^\n]*|/\*.*?(?:\*/|\Z))
    |\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
    |\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
    |(?:\b[nNbBxX]|[uU]&)?'(?:[^']|'')*(?:'|\Z)
    |%(?:\([^)]*\))?s
    |\$\d+
    |(?<![\w"$.])[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\b""",
    re.DOTALL | re.VERBOSE,
)
_SPACE = re.compile(r"\s+")
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_ROWS = re.compile(
    r"(\((?:\?|DEFAULT)(?:,\s*\.\.\.)?\))(?:\s*,\s*\((?:\?|DEFAULT)(?:,\s*\.\.\.)?\))+"
)
_CURSOR = re.compile(r"_django_curs_\w+")
# Their names are made anew for each use.
_NAMED_ONCE = re.compile(r"(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT)\b", re.IGNORECASE)
_OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_NAME = r'(?:ONLY\s+)?((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))*)'
_TARGET: Final = {
    "SELECT": re.compile(rf"\bFROM\s+{_NAME}", re.IGNORECASE),
    "DELETE": re.compile(rf"\bFROM\s+{_NAME}", re.IGNORECASE),
    "INSERT": re.compile(rf"\bINTO\s+{_NAME}", re.IGNORECASE),
    "MERGE": re.compile(rf"\bINTO\s+{_NAME}", re.IGNORECASE),
    "UPDATE": re.compile(rf"\bUPDATE\s+{_NAME}", re.IGNORECASE),
}
_VERB = re.compile(r"[A-Za-z]+")


class Statement(NamedTuple):
    """`db.operation.name`, `db.query.summary` and `db.query.text` of OpenTelemetry."""

    operation: str
    summary: str
    text: str


def statement(sql: object) -> Statement:
    """Any SQL an adapter takes: text, bytes or a psycopg composition."""
    if isinstance(sql, bytes):
        sql = sql.decode(errors="replace")
    elif not isinstance(sql, str):
        as_string = getattr(sql, "as_string", None)
        sql = str(as_string(None) if as_string else sql)
    # Long ones are seldom repeated, and would fill the cache with megabytes.
    return _cached(sql) if len(sql) <= _KEPT else _read(sql[:_LONGEST])


def normalise(sql: str) -> str:
    """`sql` in one line, without comments, with `?` for every value and one for every list."""
    sql = _VALUE.sub(lambda found: found[1] or (" " if found[2] else "?"), sql)
    sql = _SPACE.sub(" ", sql).strip().rstrip("; ")
    sql = _ROWS.sub(r"\1", _LIST.sub("(?, ...)", sql))
    return _CURSOR.sub("_django_curs_?", sql)


def _read(sql: str) -> Statement:
    text = normalise(sql)
    once = _NAMED_ONCE.match(text)
    if once:
        name = once[1].upper()
        return Statement(name, name, name)
    found = _OPERATION.search(text)
    if found is None:
        verb = _VERB.search(text)
        operation = verb[0].upper()[:32] if verb else "OTHER"
        return Statement(operation, operation, text[:_KEPT])
    operation = found[1].upper()
    target = _TARGET[operation].search(text, found.start())
    summary = f"{operation} {target[1].replace(chr(34), '')}" if target else operation
    return Statement(operation, summary[:255], text[:_KEPT])


@lru_cache(maxsize=2048)
def _cached(sql: str) -> Statement:
    return _read(sql)
