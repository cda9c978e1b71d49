"""Log files that several processes share and turn."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from apps.monitoring.recorder.logfile import FileHandler
from tests.conftest import PROJECT

WRITE = """
import logging, sys
from apps.monitoring.recorder.logfile import FileHandler
name, path = sys.argv[1:]
handler = FileHandler(path, 20_000, 100)
logger = logging.getLogger("w")
logger.addHandler(handler)
logger.setLevel("INFO")
for n in range(1500):
    logger.info("%s %s %s", name, n, "x" * 20)
    if n % 300 == 0:
        handler.flush()
handler.flush()
"""


def lines(folder: Path) -> list[str]:
    return [line for file in folder.iterdir() for line in file.read_text().splitlines()]


@pytest.fixture
def handler(tmp_path):
    made: list[FileHandler] = []

    def make(most_bytes=1_000, keep=2) -> FileHandler:
        made.append(FileHandler(str(tmp_path / "logs/web.log"), most_bytes, keep))
        return made[-1]

    yield make
    for one in made:
        one.flush()
        if one._fd is not None:
            os.close(one._fd)


def say(handler: FileHandler, text: str) -> None:
    handler.emit(logging.LogRecord("shop", logging.INFO, "f", 1, text, None, None))
    handler.flush()


def test_a_large_file_is_turned_and_only_so_many_are_kept(handler, tmp_path):
    to = handler()
    for n in range(10):
        say(to, f"{n} " + "x" * 600)
    names = {file.name for file in (tmp_path / "logs").iterdir()}
    assert names == {"web.log", "web.log.1", "web.log.2"}
    assert (tmp_path / "logs/web.log").read_text().startswith("8 ")


def test_a_file_that_was_taken_away_is_made_again(handler, tmp_path):
    to = handler()
    say(to, "one")
    (tmp_path / "logs/web.log").rename(tmp_path / "taken")
    say(to, "two")
    assert (tmp_path / "logs/web.log").read_text() == "two\n"


def test_processes_that_share_a_file_lose_and_break_no_line(tmp_path):
    path = tmp_path / "web.log"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, name, str(path)], cwd=PROJECT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"},
        )
        for name in "abc"
    ]  # fmt: skip
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = Counter(tuple(line.split()[:2]) for line in lines(tmp_path))
    assert found == Counter((name, str(n)) for name in "abc" for n in range(1500))
    assert len(list(tmp_path.iterdir())) > 3


def test_a_folder_that_cannot_be_written_is_counted_and_raises_nothing(tmp_path, monkeypatch):
    from apps.monitoring.recorder import queued

    dropped: list[str] = []
    monkeypatch.setattr(queued.recorder, "drop", lambda reason, *_: dropped.append(reason))
    (tmp_path / "file").write_text("in the way")
    say(FileHandler(str(tmp_path / "file/web.log"), 1_000, 2), "one")
    assert dropped == ["logfile_closed"]


def test_the_folder_of_the_settings_gets_masked_json_lines(tmp_path):
    code = (
        "import django; django.setup(); import logging;"
        "logging.getLogger('shop').warning('password=hunter2', extra={'seat': 4})"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "portal.settings", "PHAROS_LOG_DIR": str(tmp_path),
        "PHAROS_ROLE": "worker", "PHAROS_RECORDER": "false",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env={**os.environ, **environment}, timeout=60,
        check=True, capture_output=True,
    )  # fmt: skip
    (line,) = (tmp_path / "worker.log").read_text().splitlines()
    told = json.loads(line)
    assert told["event"] == "password=***"
    assert told["seat"] == 4
