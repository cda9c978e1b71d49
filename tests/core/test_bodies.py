"""Request bodies as the shell takes them in."""

import asyncio

import pytest

from apps.core.asgi import bodies
from apps.core.asgi.bodies import Body, TooLargeError

CHUNKED = {"method": "POST", "headers": [(b"transfer-encoding", b"chunked")]}


def parts(count: int, part: bytes = b"a"):
    left = count

    async def receive():
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": part, "more_body": left > 0}

    return receive


@pytest.mark.parametrize("limit", [300_000, 199_999])
def test_bytes_that_come_one_by_one_cost_no_more_than_they_are(limit):
    # Adding up what is there at each of them would take minutes here.
    async def read() -> bytes:
        body = await bodies.read(CHUNKED, parts(200_000), limit)
        try:
            assert body.file is not None
            return body.file.read()
        finally:
            body.close()

    if limit < 200_000:
        with pytest.raises(TooLargeError):
            asyncio.run(read())
    else:
        assert asyncio.run(read()) == b"a" * 200_000
    assert Body.spooled_bytes == 0


def test_large_parts_are_written_whole_and_in_order():
    async def read() -> bytes:
        body = await bodies.read(CHUNKED, parts(9, bytes(range(256)) * 400), 10**7)
        try:
            assert body.file is not None
            assert Body.spooled_bytes == body.length
            return body.file.read()
        finally:
            body.close()

    assert asyncio.run(read()) == bytes(range(256)) * 3600
    assert Body.spooled_bytes == 0
