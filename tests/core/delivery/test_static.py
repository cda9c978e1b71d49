"""Collected files: every name a page or a module uses carries its hash, and is kept for a year."""

import re
from pathlib import Path

import brotli
import pytest
from django.core.management import call_command
from django.templatetags.static import static
from django.test import Client, override_settings

from apps.core.delivery.headers import PRIVATE

_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](?P<url>[./][^"']*)["']""")
_HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+\Z")


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    root = tmp_path_factory.mktemp("static")
    storage = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "portal.run.static.CollectedStaticFiles"},
    }
    with override_settings(STATIC_ROOT=root, STORAGES=storage, WHITENOISE_USE_FINDERS=False):
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["redoc*"])
        yield root


def modules(root: Path) -> list[Path]:
    return [path for path in (root / "js").rglob("*.js") if _HASHED.search(path.name)]


def test_modules_import_each_other_by_hashed_names(collected):
    found = 0
    for path in modules(collected):
        for match in _IMPORT.finditer(path.read_text()):
            url = match["url"]
            assert _HASHED.search(url), f"{path.name} imports {url}"
            target = (
                collected / url.removeprefix("/static/") if url[0] == "/" else path.parent / url
            )
            assert target.is_file()
            found += 1
    assert found >= 4


def test_a_change_in_an_imported_module_changes_the_name_of_its_importer(collected, tmp_path):
    """Else a browser would keep last year's chart with this year's page."""
    before = static("js/overview.js")
    changed = tmp_path / "js"
    changed.mkdir()
    for path in Path("static/js").glob("*.js"):
        (changed / path.name).write_text(path.read_text())
    for name in ("format.js", "kit/format.js"):
        source = Path("static/js") / name
        if source.exists():
            (changed / name).parent.mkdir(exist_ok=True)
            (changed / name).write_text(source.read_text() + "\nexport const later = 1;\n")
    for path in Path("static/js/kit").glob("*.js"):
        (changed / "kit").mkdir(exist_ok=True)
        if path.name != "format.js":
            (changed / "kit" / path.name).write_text(path.read_text())
    dirs = [tmp_path, Path("static").resolve()]
    with override_settings(STATICFILES_DIRS=dirs, STATIC_ROOT=tmp_path / "out"):
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["redoc*"])
        assert static("js/overview.js") != before


@pytest.mark.parametrize(("accept", "coding"), [("gzip, br", "br"), ("gzip", "gzip"), ("", None)])
def test_hashed_files_are_kept_for_a_year_and_come_compressed(collected, accept, coding):
    answer = Client().get(static("js/overview.js"), headers={"accept-encoding": accept})
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.get("Content-Encoding") == coding
    assert answer["Vary"] == "Accept-Encoding"
    assert not answer.has_header("Access-Control-Allow-Origin")
    assert answer["X-Content-Type-Options"] == "nosniff"
    body = b"".join(answer.streaming_content)
    assert int(answer["Content-Length"]) == len(body)
    if coding == "br":
        assert b"import" in brotli.decompress(body)


def test_files_without_a_hash_are_kept_for_a_minute(collected):
    answer = Client().get("/static/js/overview.js")
    # Read whole, it is closed as the test client closes; `close()` would look after the database's
    # connection, which another test may have left open.
    b"".join(answer.streaming_content)
    assert answer["Cache-Control"] == "max-age=60, public"
    assert Client().get("/static/js/nowhere.js")["Cache-Control"] == PRIVATE


def test_an_unchanged_file_is_304_with_the_same_headers(collected):
    client, url = Client(), "/static/js/overview.js"
    first = client.get(url, headers={"accept-encoding": "br"})
    b"".join(first.streaming_content)
    again = client.get(
        url, headers={"accept-encoding": "br", "if-modified-since": first["Last-Modified"]}
    )
    assert again.status_code == 304
    assert b"".join(again.streaming_content) == b""
    assert again["Cache-Control"] == first["Cache-Control"]
