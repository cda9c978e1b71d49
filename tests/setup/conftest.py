"""A whole portal in a home of its own, driven as a person would: by its command line."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from apps.core.embedded.home import Home
from portal.run import leftovers
from tests.conftest import PROJECT, free_port
from tests.servers import die_with_parent

_OURS = re.compile(r"PHAROS_|DATABASE_URL$|REDIS_URL$|PORT$|PYTEST_|DJANGO_|MAKE")


class Portal:
    """One home and port, with the environment a person's shell has: nothing of the suite's."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.home = Home(root)
        self.port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not _OURS.match(k)}
        self.environment = {
            **inherited, "PHAROS_HOME": str(root), "PORT": str(self.port), **environment,
        }  # fmt: skip
        self.launcher: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    def run(self, verb: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """One verb, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "portal.run", verb], cwd=PROJECT, text=True, timeout=150,
            env={**self.environment, **environment}, capture_output=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def up(self, deadline_s: float = 240.0) -> str:
        """Start `up` in the background; returns what it printed until it was ready."""
        self._lines = []
        self.launcher = subprocess.Popen(
            [sys.executable, "-m", "portal.run", "up"], cwd=PROJECT, env=self.environment,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self.launcher,), daemon=True).start()
        self.wait(lambda: "make down" in self.output, deadline_s)
        return self.output

    def _read(self, launcher: "subprocess.Popen[str]") -> None:
        assert launcher.stdout is not None
        with launcher.stdout as lines:
            self._lines.extend(lines)

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def said(self, words: str) -> bool:
        """Whether the ended launcher printed `words`; its pipe may be a moment behind."""
        deadline = time.monotonic() + 5
        while words not in self.output and time.monotonic() < deadline:
            time.sleep(0.05)
        return words in self.output

    def wait(self, ready, deadline_s: float = 60.0) -> None:
        """Poll until `ready()`; fails with the portal's own words."""
        deadline = time.monotonic() + deadline_s
        while not ready():
            ended = self.launcher is not None and self.launcher.poll() is not None
            if ended or time.monotonic() > deadline:
                logs = "".join(
                    f"\n--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
                    for path in sorted(self.home.log_dir.glob("*.log"))
                )
                pytest.fail(f"{'ended' if ended else 'late'}:\n{self.output}{logs}")
            time.sleep(0.1)

    def processes(self) -> list[psutil.Process]:
        return leftovers.find(self.home)

    def role(self, role: str) -> psutil.Process | None:
        """The oldest live process of a role: web, worker, beat, postgres, redis-server."""
        for process in sorted(self.processes(), key=lambda p: p.pid):
            try:
                if role in {process.environ().get("PHAROS_ROLE"), process.name()}:
                    return process
            except psutil.Error:
                continue
        return None

    def end(self) -> None:
        leftovers.stop(self.home, grace_s=5)
        if self.launcher is not None:
            self.launcher.terminate()
            self.launcher.wait(60)
        leftovers.stop(self.home, grace_s=1)
        for path in (self.home.run_dir, self.home.root):
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A short path (sockets) that any account may walk to, removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="ph-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def portal(scratch: Path) -> Iterator[Portal]:
    """A portal that has not been started."""
    portal = Portal(scratch / "home")
    yield portal
    portal.end()


@pytest.fixture(scope="module")
def shared_portal() -> Iterator[Portal]:
    portal = Portal(Path(tempfile.mkdtemp(prefix="ph-")) / "home")
    yield portal
    portal.end()
    shutil.rmtree(portal.home.root.parent, ignore_errors=True)


@pytest.fixture
def running_portal(shared_portal: Portal) -> Portal:
    """A portal that is up; the tests of a module share it and may stop it."""
    if shared_portal.launcher is None or shared_portal.launcher.poll() is not None:
        shared_portal.up()
    return shared_portal
