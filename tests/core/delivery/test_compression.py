"""Answers are compressed where it helps, are the same when unpacked, and tell caches the truth."""

import asyncio
import gzip
import os
import tracemalloc
import zlib

import brotli
import orjson
import pytest
import zstandard
from django.http import (
    FileResponse,
    HttpResponse,
    HttpResponseNotModified,
    JsonResponse,
    StreamingHttpResponse,
)
from django.test import RequestFactory

from apps.core.delivery.compression import MIN_BYTES, CompressionMiddleware

ROWS = [
    {"id": number, "name": f"series {number % 7}", "value": number / 3} for number in range(900)
]
JSON = orjson.dumps(ROWS)
CODINGS = ["br", "zstd", "gzip"]


def unpack(coding: str, body: bytes) -> bytes:
    if coding == "br":
        return brotli.decompress(body)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return gzip.decompress(body)


def answer(response, accept="br", method="GET"):
    request = RequestFactory().generic(method, "/", headers={"accept-encoding": accept})
    return CompressionMiddleware(lambda _request: response)(request)


@pytest.mark.parametrize("coding", CODINGS)
def test_json_shrinks_by_seven_tenths_and_says_so(coding):
    packed = answer(HttpResponse(JSON, content_type="application/json"), coding)
    assert packed["Content-Encoding"] == coding
    assert packed["Vary"] == "Accept-Encoding"
    assert int(packed["Content-Length"]) == len(packed.content) <= 0.3 * len(JSON)
    assert unpack(coding, packed.content) == JSON


@pytest.mark.parametrize(
    ("size", "packs"), [(0, False), (MIN_BYTES - 1, False), (MIN_BYTES, True), (5000, True)]
)
def test_small_answers_stay_plain(size, packs):
    packed = answer(HttpResponse(b"a" * size, content_type="text/plain"))
    assert packed.has_header("Content-Encoding") is packs
    assert packed.content == b"a" * size or packs
    # The same address may give a large one tomorrow, and a 304 knows no size.
    assert packed["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("kind", "packs"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/x-ndjson", True),
        ("text/csv; charset=utf-8", True),
        ("text/html", True),
        ("TEXT/JavaScript", True),
        ("image/svg+xml", True),
        ("application/vnd.oai.openapi; charset=utf-8", True),
        ("text/event-stream", False),
        ("image/png", False),
        ("application/gzip", False),
        ("application/octet-stream", False),
        ("application/jsonp", False),
        ("font/woff2", False),
        ("application/x-protobuf", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
def test_only_text_is_compressed_and_event_streams_are_not(kind, packs, streams):
    response = StreamingHttpResponse([JSON]) if streams else HttpResponse(JSON)
    response["Content-Type"] = kind
    packed = answer(response)
    assert packed.has_header("Content-Encoding") is packs
    assert packed.has_header("Vary") is packs


def test_what_is_encoded_already_is_left_alone():
    body = gzip.compress(JSON)
    response = HttpResponse(
        body, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert answer(response).content == body


def test_what_must_not_be_transformed_is_left_alone():
    response = JsonResponse(ROWS, safe=False, headers={"Cache-Control": "no-transform, private"})
    assert not answer(response).has_header("Content-Encoding")


def test_noise_is_sent_plain_when_packing_makes_it_longer():
    noise = os.urandom(600)
    packed = answer(HttpResponse(noise, content_type="text/plain"))
    assert packed.content == noise
    assert not packed.has_header("Content-Encoding")
    assert packed["Vary"] == "Accept-Encoding"


def test_caches_are_told_also_when_this_client_wants_it_plain():
    packed = answer(HttpResponse(JSON, content_type="application/json"), "identity")
    assert packed.content == JSON
    assert packed["Vary"] == "Accept-Encoding"


def test_vary_is_added_to_and_not_doubled():
    for before, after in (
        ("Cookie", "Cookie, Accept-Encoding"),
        ("accept-encoding, Cookie", "accept-encoding, Cookie"),
        ("*", "*"),
    ):
        packed = answer(HttpResponse(JSON, content_type="text/plain", headers={"Vary": before}))
        assert packed["Vary"] == after


@pytest.mark.parametrize(
    ("accept", "tag", "sent"),
    [
        ("br", '"v1"', 'W/"v1"'),
        ("br", 'W/"v1"', 'W/"v1"'),
        ("identity", '"v1"', '"v1"'),
        ("br;q=0", '"v1"', '"v1"'),
    ],
)
@pytest.mark.parametrize("status", [200, 304])
def test_an_etag_is_weak_where_bytes_differ_and_alike_on_304(accept, tag, sent, status):
    response = (
        HttpResponseNotModified(headers={"ETag": tag})
        if status == 304
        else HttpResponse(JSON, content_type="application/json", headers={"ETag": tag})
    )
    packed = answer(response, accept)
    assert packed["ETag"] == sent
    assert packed["Vary"] == "Accept-Encoding"
    assert packed.has_header("Content-Encoding") is (
        status == 200 and sent[0] == "W" and accept == "br"
    )


@pytest.mark.parametrize("status", [204, 206, 304])
def test_answers_without_a_whole_body_are_left_alone(status):
    response = HttpResponse(b"x" * 900, content_type="text/plain", status=status)
    assert not answer(response).has_header("Content-Encoding")


def test_head_has_the_head_of_get():
    heads = [
        dict(answer(HttpResponse(JSON, content_type="application/json"), method=method).items())
        for method in ("GET", "HEAD")
    ]
    assert heads[0] == heads[1]


def test_the_size_of_a_page_is_noise_and_the_page_is_whole():
    page = b"<!doctype html><p>" + b"word " * 500
    sizes = set()
    for _ in range(60):
        packed = answer(HttpResponse(page, content_type="text/html; charset=utf-8"))
        sizes.add(len(packed.content))
        text = unpack("br", packed.content)
        assert text.startswith(page)
        assert text.endswith(b"-->")
    assert len(sizes) > 5


def rows(count, seen=None):
    for number in range(count):
        if seen is not None:
            seen.append(number)
        yield b"%d;a name that is the same in every row;%d\n" % (number, number * 7919 % 9973)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_leaves_at_once_and_keeps_leaving(coding):
    seen: list[int] = []
    response = StreamingHttpResponse(rows(20_000, seen), content_type="text/csv",
                                     headers={"Content-Length": "5"})  # fmt: skip
    packed = answer(response, coding)
    assert not packed.has_header("Content-Length")
    parts = iter(packed.streaming_content)
    first = next(parts)
    assert seen == [0]
    opened = {
        "br": lambda: brotli.Decompressor().process(first),
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress(first),
        "gzip": lambda: zlib.decompressobj(31).decompress(first),
    }[coding]()
    assert opened == next(rows(1))
    rest = b"".join(parts)
    plain = b"".join(rows(20_000))
    assert unpack(coding, first + rest) == plain
    assert len(rest) < 0.45 * len(plain)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_takes_no_more_memory_when_it_is_longer(coding):
    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in answer(StreamingHttpResponse(rows(count), content_type="text/csv"), coding):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(60_000) < 2 * peak(6_000) + 256 * 1024


def test_a_stream_that_is_given_up_is_closed_at_its_source():
    closed = []

    def source():
        try:
            yield from rows(1000)
        finally:
            closed.append(True)

    packed = answer(StreamingHttpResponse(source(), content_type="text/csv"))
    next(iter(packed.streaming_content))
    packed.close()
    assert closed == [True]


def test_an_error_in_the_middle_of_a_stream_is_not_made_a_good_end():
    def source():
        yield b"a;b\n"
        raise RuntimeError("lost")

    packed = answer(StreamingHttpResponse(source(), content_type="text/csv"))
    with pytest.raises(RuntimeError):
        list(packed.streaming_content)


def test_a_text_file_is_compressed_and_not_handed_to_the_server_raw(tmp_path):
    (tmp_path / "a.txt").write_bytes(JSON)
    with (tmp_path / "a.txt").open("rb") as file:
        packed = answer(FileResponse(file, filename="a.txt"))
        assert packed.file_to_stream is None
        assert unpack("br", b"".join(packed.streaming_content)) == JSON


@pytest.mark.parametrize("size", [10, 200])
def test_the_asynchronous_way_is_the_same(size):
    body = JSON * size
    request = RequestFactory().get("/", headers={"accept-encoding": "zstd"})

    async def chunks():
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    async def whole(_request):
        return HttpResponse(body, content_type="application/json")

    async def streaming(_request):
        return StreamingHttpResponse(chunks(), content_type="application/x-ndjson")

    async def run():
        one = await CompressionMiddleware(whole)(request)
        two = await CompressionMiddleware(streaming)(request)
        return one.content, b"".join([chunk async for chunk in two.streaming_content])

    for packed in asyncio.run(run()):
        assert unpack("zstd", packed) == body
