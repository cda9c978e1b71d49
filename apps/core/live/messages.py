"""The messages of a live topic, as encoded JSON.

`{"topic", "state": "ok", "at", "interval_s", "data"}`, or `"state": "error"` with `code`,
`message`, the last `data` and its age (`data_age_s`; both null when there never was any), or
`"state": "refused"` with `code` and `message`. Messages are English; a page translates by `code`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from apps.core.live.topics import Topic


@dataclass(frozen=True, slots=True)
class Produced:
    """What one run of a producer gave: encoded data, or why there is none."""

    data: bytes | None = None
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class LastGood:
    """The newest data a topic had, and when."""

    data: bytes | None = None
    at: datetime | None = None

    def keep(self, data: bytes) -> None:
        self.data, self.at = data, datetime.now(UTC)


def ok(topic: Topic, data: bytes) -> bytes:
    """Fresh data."""
    return orjson.dumps(
        {
            "topic": topic.name,
            "state": "ok",
            "at": datetime.now(UTC),
            "interval_s": topic.interval_s,
            "data": orjson.Fragment(data),
        }
    )


def failed(topic: Topic, produced: Produced, last: LastGood) -> bytes:
    """The figures cannot be had: say why, with the last ones and their age."""
    now = datetime.now(UTC)
    return orjson.dumps(
        {
            "topic": topic.name,
            "state": "error",
            "at": now,
            "interval_s": topic.interval_s,
            "code": produced.code,
            "message": produced.message,
            "data": None if last.data is None else orjson.Fragment(last.data),
            "data_at": last.at,
            "data_age_s": None if last.at is None else round((now - last.at).total_seconds(), 1),
        }
    )


_REFUSALS = {
    "unknown": "There is no such topic, or you may not see it.",
    "too_many": "One page may not watch so many topics.",
    "full": "Too many different pages are watched right now.",
    "database": "The database does not answer.",
}


def refused(topic: str, code: str) -> bytes:
    """This topic will not be sent; `code` is a key of `_REFUSALS`."""
    return orjson.dumps(
        {"topic": topic, "state": "refused", "code": code, "message": _REFUSALS[code]}
    )
