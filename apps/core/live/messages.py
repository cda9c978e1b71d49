"""The messages of a live topic, as encoded JSON.

`{"topic", "state": "ok", "at", "interval_s", "shared", "data"}`; or `"state": "error"` with `code`,
`message`, the last `data` and its age (`data_age_s`; both null when there never was any); or
`"state": "same"`: at `at` the data was still what was sent last; or `"state": "refused"` with
`code` and `message`. `shared` is false when each process computes for itself because Redis is away.
Messages are English; a page translates by `code`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import msgspec
import orjson

from apps.core.live.topics import Topic

DIGEST_BYTES: Final = 16
NO_DIGEST: Final = bytes(DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class Message:
    """What viewers are sent: all of it, or `brief` to those whose last message had this digest.

    `digest` names the data; `NO_DIGEST` when there is no short form.
    """

    full: bytes
    brief: bytes = b""
    digest: bytes = NO_DIGEST


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

    def keep(self, data: bytes, at: datetime | None = None) -> None:
        """Remember data that was right at `at`, or now."""
        self.data, self.at = data, at or datetime.now(UTC)


def ok(topic: Topic, data: bytes, *, shared: bool) -> Message:
    """Fresh data."""
    now = datetime.now(UTC)
    head = {
        "topic": topic.name,
        "state": "ok",
        "at": now,
        "interval_s": topic.interval_s,
        "shared": shared,
    }
    full = orjson.dumps({**head, "data": orjson.Fragment(data)})
    brief = orjson.dumps({"topic": topic.name, "state": "same", "at": now})
    return Message(full, brief, blake2b(data, digest_size=DIGEST_BYTES).digest())


def failed(topic: Topic, produced: Produced, last: LastGood, *, shared: bool) -> Message:
    """The figures cannot be had: say why, with the last ones and their age."""
    now = datetime.now(UTC)
    age_s = None if last.at is None else round((now - last.at).total_seconds(), 1)
    return Message(
        orjson.dumps(
            {
                "topic": topic.name,
                "state": "error",
                "at": now,
                "interval_s": topic.interval_s,
                "shared": shared,
                "code": produced.code,
                "message": produced.message,
                "data": None if last.data is None else orjson.Fragment(last.data),
                "data_at": last.at,
                "data_age_s": age_s,
            }
        )
    )


class _Told(msgspec.Struct):
    at: datetime
    data: msgspec.Raw = msgspec.Raw(b"null")
    data_at: datetime | None = None


_told = msgspec.json.Decoder(_Told)


def remembered(message: Message | None) -> LastGood:
    """The data in a message another process made, for one who takes over from it."""
    last = LastGood()
    if message is not None:
        told = _told.decode(message.full)
        if bytes(told.data) != b"null":
            last.keep(bytes(told.data), told.data_at or told.at)
    return last


_REFUSALS = {
    "unknown": "There is no such topic, or you may not see it.",
    "too_many": "One page may not watch so many topics.",
    "full": "Too many different pages are watched right now.",
    "database": "The database does not answer.",
}


def refused(topic: str, code: str) -> Message:
    """This topic will not be sent; `code` is a key of `_REFUSALS`."""
    return Message(
        orjson.dumps({"topic": topic, "state": "refused", "code": code, "message": _REFUSALS[code]})
    )
