"""The conditions of a log search, so worded that the indexes of sealed partitions can answer them.

Every fragment is a constant here; what was asked for goes in as parameters.
"""

import re
from typing import Any, Final

import orjson

from apps.monitoring.queries import logtext
from apps.monitoring.queries.lineplace import LinePlace
from apps.monitoring.queries.logfilter import LEVELS, LogFilter

# Texts that `->>` makes of numbers and truths: as such they are in the index, not as texts.
_SCALAR: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?|true|false")


def conditions(wanted: LogFilter, after: LinePlace | None) -> tuple[str, dict[str, Any]]:
    """What follows the time in WHERE (each part begins with AND), and its parameters."""
    parts: list[str] = []
    asked: dict[str, Any] = {}
    if wanted.service:
        # Read once, before: the plan then knows how many resources there are.
        parts.append(
            "l.resource_id = ANY (ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s))"
        )
        asked["service"] = wanted.service
    if wanted.level:
        parts.append("l.severity >= %(least)s")
        asked["least"] = LEVELS[wanted.level]
    if wanted.trace_id:
        parts.append("l.trace_id = %(trace)s")
        asked["trace"] = wanted.trace_id
    held, absent = logtext.parse(wanted.text).patterns
    for number, pattern in enumerate(held):
        parts.append(f"l.body ILIKE %(held{number})s")
        asked[f"held{number}"] = pattern
    for number, pattern in enumerate(absent):
        parts.append(f"l.body NOT ILIKE %(absent{number})s")
        asked[f"absent{number}"] = pattern
    for number, (name, value) in enumerate(wanted.fields):
        parts += _field(number, value)
        asked[f"name{number}"], asked[f"value{number}"] = _sound(name), _sound(value)
        asked |= {f"at{number}_{i}": text for i, text in enumerate(_spellings(name, value))}
    if after is not None:
        parts.append("(l.ts, l.ctid) < (%(after_ts)s, %(after_ctid)s::tid)")
        asked |= {"after_ts": after.ts, "after_ctid": after.ctid}
    return "".join(f" AND {part}" for part in parts), asked


def _field(number: int, value: str) -> list[str]:
    exact = f"l.attrs ->> %(name{number})s = %(value{number})s"
    found = [f"l.attrs @> %(at{number}_{i})s::jsonb" for i in range(len(_spellings("", value)))]
    # The index narrows it down; the text decides.
    return [*([f"({' OR '.join(found)})"] if found else []), exact]


def _spellings(name: str, value: str) -> list[str]:
    """The JSON objects one of which holds an attribute shown as this text.

    None for what may be a list or a mapping: no index answers for their text.
    """
    if value.startswith(("{", "[")):
        return []
    key = orjson.dumps(_sound(name)).decode()
    texts = [orjson.dumps(_sound(value)).decode()]
    if _SCALAR.fullmatch(value):
        texts.append(value)
    # JSON knows no number that begins with a nought.
    texts = [text for text in texts if not re.match(r"-?0[0-9]", text)]
    return [f"{{{key}:{text}}}" for text in texts]


def _sound(text: str) -> str:
    # Neither NUL nor half a surrogate pair can be in PostgreSQL: nothing is found by them.
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
