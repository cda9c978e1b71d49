"""docs/how-to/add-an-endpoint.md, followed to the letter in a project of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/add-an-endpoint.md"
_BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What the page takes for granted: the app itself, and that it is installed and mounted.
MODEL = """
from django.db import models


class Note(models.Model):
    author = models.CharField(max_length=100)
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True, db_index=True)
"""
SETTINGS = """
from portal.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "notes"]  # noqa: F405
ROOT_URLCONF = "urls"
DATABASES["default"]["TEST"] = {"NAME": "test_notes"}  # noqa: F405
"""
# What a reader would look at in the end.
LOOK = """
import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from apps.core.services import apikeys
from notes.models import Note

pytestmark = pytest.mark.django_db


@pytest.fixture
def key():
    Note.objects.bulk_create(Note(author="ann", text=f"=note {n}") for n in range(30))
    _, secret = apikeys.create("one", ["read"])
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_the_list(key):
    page = key.get("/admin/notes", {"author": "ann"}).json()
    assert (len(page["items"]), page["has_more"]) == (20, True)
    rest = key.get("/admin/notes", {"author": "ann", "cursor": page["next_cursor"]}).json()
    assert (len(rest["items"]), rest["has_more"]) == (10, False)
    assert key.get("/admin/notes", {"writer": "ann"}).status_code == 400


def test_the_csv(key):
    answer = key.get("/admin/notes", headers={"Accept": "text/csv"})
    rows = b"".join(answer.streaming_content).decode().splitlines()
    assert rows[0] == "id,author,text,at"
    assert len(rows) == 31
    assert ",'=note " in rows[1]


def test_the_304(key):
    tag = key.get("/admin/notes")["ETag"]
    assert key.get("/admin/notes", headers={"If-None-Match": tag}).status_code == 304
    Note.objects.create(author="bob", text="new")
    assert key.get("/admin/notes", headers={"If-None-Match": tag}).status_code == 200


def test_the_403(key):
    assert key.post("/admin/notes", {}, "application/json").status_code == 403


def test_the_openapi_document():
    GENERATOR_STATS.reset()
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert not GENERATOR_STATS
    read = paths["/admin/notes"]["get"]
    assert {"author", "page", "page_size", "cursor"} <= {p["name"] for p in read["parameters"]}
    assert {"application/json", "text/csv"} <= set(read["responses"]["200"]["content"])
    assert {"400", "401", "403", "429", "503"} <= set(read["responses"])
    assert "201" in paths["/admin/notes"]["post"]["responses"]
"""


def blocks() -> dict[str, str]:
    """The files the page tells to write."""
    return dict(_BLOCK.findall(PAGE.read_text()))


def test_the_page_writes_every_file_of_the_endpoint():
    wanted = {"notes/api/serializers.py", "notes/api/views.py", "notes/api/urls.py"}
    assert wanted | {"urls.py", "notes/tests.py"} == set(blocks())


@pytest.mark.slow
def test_following_the_page_makes_an_endpoint(tmp_path):
    files = {
        **blocks(),
        "notes/__init__.py": "", "notes/api/__init__.py": "", "notes/models.py": MODEL,
        "project.py": SETTINGS, "test_look.py": LOOK,
        "conftest.py": "from tests.conftest import *  # noqa: F403\n",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.servers", "-p", "no:randomly",
         "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path), "--ds", "project",
         "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error",
         "test_look.py", "notes/tests.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False,
        env={**environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\b22 passed", done.stdout), done.stdout


def environment() -> dict[str, str]:
    """This one's, with its servers, without what else ties a process to this run of tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "DJANGO_SETTINGS_MODULE" and not name.startswith("PYTEST_")
    }
