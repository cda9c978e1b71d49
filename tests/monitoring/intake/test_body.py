"""Reading and decompressing bodies: bounded in bytes, in time and over the whole process."""

import asyncio
import gzip
import random
import zlib

import pytest
import zstandard

from apps.monitoring.intake import body as body_module
from apps.monitoring.intake.body import Body, Budget, DisconnectedError
from apps.monitoring.intake.reply import RefusalError

DATA = random.Random(1).randbytes(300_000) + bytes(300_000)
RAW = zlib.compressobj(wbits=-15)
RAW_DEFLATE = RAW.compress(DATA) + RAW.flush()


def reader(*chunks: bytes):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    queue = iter(messages)

    async def receive():
        return next(queue)

    return receive


def read(*chunks: bytes, limit=10**6, budget=None) -> Body:
    body = Body(budget or Budget(10**8), limit)
    asyncio.run(body.read(reader(*chunks)))
    return body


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1000, 10**6])
@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        ("gzip", gzip.compress(DATA, mtime=0)),
        ("x-gzip", gzip.compress(DATA[:1000], mtime=0) + gzip.compress(DATA[1000:], mtime=0)),
        ("gzip", gzip.compress(b"", mtime=0) + gzip.compress(DATA, mtime=0)),
        ("deflate", zlib.compress(DATA)),
        ("deflate", RAW_DEFLATE),
        ("zstd", zstandard.compress(DATA[:1000]) + zstandard.compress(DATA[1000:])),
        ("identity", DATA),
        ("", DATA),
    ],
)
def test_every_encoding_gives_the_bytes_back(encoding, wire, size):
    assert read(*in_pieces(wire, size)).decoded(encoding) == DATA


def test_an_empty_body_is_empty_in_every_encoding():
    assert read().decoded("gzip") == b""


@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        ("gzip", b"plain text"),
        ("gzip", gzip.compress(DATA) + b"garbage"),
        ("gzip", gzip.compress(DATA)[:-5]),
        ("gzip", gzip.compress(DATA)[:-8] + bytes(8)),
        ("gzip", gzip.compress(b"") * 2000),
        ("deflate", zlib.compress(DATA) + b"x"),
        ("deflate", b"\xff\xff\xff"),
        ("deflate", zlib.compress(DATA)[:-1]),
    ],
)
def test_a_body_that_is_not_what_its_encoding_says_is_refused_with_400(encoding, wire):
    with pytest.raises(RefusalError) as refusal:
        read(*in_pieces(wire, 70_000)).decoded(encoding)
    assert refusal.value.status == 400


def test_more_bytes_than_the_limit_are_refused_while_reading():
    budget = Budget(10**8)
    with pytest.raises(RefusalError) as refusal:
        read(bytes(600), bytes(600), limit=1000, budget=budget)
    assert refusal.value.status == 413


def test_a_bomb_is_refused_at_the_limit_and_not_after(monkeypatch):
    made = []
    inflate = body_module._inflate

    def watched(chunks, encoding):
        for piece in inflate(chunks, encoding):
            made.append(len(piece))
            yield piece

    monkeypatch.setattr(body_module, "_inflate", watched)
    body = read(gzip.compress(bytes(50 * 1024 * 1024)), limit=3 * 1024 * 1024)
    with pytest.raises(RefusalError) as refusal:
        body.decoded("gzip")
    assert refusal.value.status == 413
    assert sum(made) <= 4 * 1024 * 1024


def test_a_body_of_exactly_the_limit_is_taken():
    assert len(read(gzip.compress(bytes(1000)), limit=1000).decoded("gzip")) == 1000


def test_bodies_beyond_the_budget_wait_for_their_turn():
    budget = Budget(1000)
    first = read(bytes(700), budget=budget)
    with pytest.raises(RefusalError) as refusal:
        read(bytes(700), budget=budget)
    assert refusal.value.status == 503
    assert (b"retry-after", b"2") in refusal.value.headers
    first.release()
    assert budget.held_bytes == 0


def test_a_released_body_gives_all_its_bytes_back():
    budget = Budget(10**8)
    body = read(gzip.compress(DATA), budget=budget)
    body.decoded("gzip")
    assert budget.held_bytes >= len(DATA)
    body.release()
    assert budget.held_bytes == 0


def test_a_sender_that_goes_away_ends_the_request():
    async def gone():
        return {"type": "http.disconnect"}

    with pytest.raises(DisconnectedError):
        asyncio.run(Body(Budget(10), 10).read(gone))


def test_a_body_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(body_module.limits, "READ_TIMEOUT_S", 0.05)

    async def silent():
        await asyncio.Event().wait()

    with pytest.raises(RefusalError) as refusal:
        asyncio.run(Body(Budget(10), 10).read(silent))
    assert refusal.value.status == 503


def test_tiny_chunks_are_held_as_a_few_large_ones():
    for encoding, wire in (("", DATA), ("gzip", gzip.compress(DATA)), ("deflate", RAW_DEFLATE)):
        body = read(*in_pieces(wire, 7), wire[:0])
        assert len(body._chunks) == 1
        assert body.decoded(encoding) == DATA
    mixed = read(b"a", b"b", bytes(5000), b"c", b"d")
    assert [len(chunk) for chunk in mixed._chunks] == [2, 5000, 2]
