"""What the web and its intake processes say to each other: frames over one socket pair.

A request is HEAD (its job as JSON), any number of BODY pieces and END; its answer is one REPLY.
GIVEN_UP in place of END: the rest will not come, and no answer is wanted.
Frames of several requests may alternate, so a large body never holds up a small one.
"""

from asyncio import StreamReader, StreamWriter
from struct import Struct
from typing import Final, NamedTuple

HEAD: Final = 1
BODY: Final = 2
END: Final = 3
REPLY: Final = 4
GIVEN_UP: Final = 5
# A body travels in pieces of at most this many bytes.
PIECE_BYTES: Final = 256 * 1024
_HEADER: Final = Struct("<IQB")


class Frame(NamedTuple):
    """One frame; `number` tells the requests of a connection apart."""

    kind: int
    number: int
    payload: bytes


async def read(reader: StreamReader) -> Frame:
    """The next frame. Raises asyncio.IncompleteReadError when the other side is gone."""
    size, number, kind = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    return Frame(kind, number, await reader.readexactly(size) if size else b"")


def write(writer: StreamWriter, kind: int, number: int, payload: bytes | memoryview = b"") -> None:
    """Queue one frame; nothing of another can come between its parts."""
    writer.write(_HEADER.pack(len(payload), number, kind))
    if payload:
        writer.write(payload)
