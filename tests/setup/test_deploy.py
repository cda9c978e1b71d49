"""The container files and the Makefile say what the code says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from portal.run import config
from portal.run.plan import Plan
from tests.conftest import PROJECT

pytestmark = pytest.mark.setup

_SETTINGS = PROJECT / "portal" / "settings"
_READERS = re.compile(r'(?:env\.\w+|_read|_parsed)\(\s*"(\w+)"')
_READ = {
    name
    for file in ("environment.py", "secrets.py")
    for name in _READERS.findall((_SETTINGS / file).read_text())
}
# Read by the launcher or by every process, not by the settings.
_ELSEWHERE = {"PHAROS_ROLE", "PHAROS_HOME"}


@pytest.fixture
def compose() -> dict:
    return yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())


def test_compose_sets_only_variables_that_exist(compose: dict):
    known = _READ | _ELSEWHERE
    for name in ("prepare", "web", "worker", "beat"):
        unknown = set(compose["services"][name]["environment"]) - known
        assert not unknown, (name, unknown)


def test_compose_waits_for_health_not_for_luck(compose: dict):
    services = compose["services"]
    for name in ("postgres", "redis"):
        assert services[name]["healthcheck"]["test"]
        wanted = services["prepare"]["depends_on"][name]
        assert wanted == {"condition": "service_healthy"}
    for name in ("web", "worker", "beat"):
        wanted = services[name]["depends_on"]["prepare"]
        assert wanted == {"condition": "service_completed_successfully"}
    for service in services.values():
        for name in service.get("depends_on", {}):
            assert name in services


def test_compose_publishes_only_the_web_and_only_on_the_loopback(compose: dict):
    published = {n: s["ports"] for n, s in compose["services"].items() if "ports" in s}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_containers_run_the_worker_and_beat_that_make_run_runs(compose: dict):
    own = {program.name: list(program.argv) for program in config.processes(Plan.current())}
    for name in ("worker", "beat"):
        words = compose["services"][name]["command"][1:]
        assert set(words) <= set(own[name]), name


def test_the_image_serves_with_the_flags_that_make_run_uses():
    image = (PROJECT / "deploy" / "Dockerfile").read_text()
    web = next(p for p in config.processes(Plan.current()) if p.name == "web")
    flags = {word for word in web.argv if word.startswith("--")}
    # A container that fails is restarted whole, by its engine.
    for flag in flags - {"--respawn-failed-workers", "--respawn-interval"}:
        assert flag in image, flag
    for folder in re.findall(r"^COPY (?!--)(\S+) \S+$", image, re.MULTILINE):
        assert (PROJECT / folder).exists(), folder


def test_make_help_lists_every_target():
    text = (PROJECT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    done = subprocess.run(["make"], cwd=PROJECT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make ([a-z-]+) ", done.stdout, re.MULTILINE))
    assert listed == targets


def test_an_old_python_is_refused_in_one_sentence(scratch: Path):
    shutil.copy(PROJECT / "Makefile", scratch)
    (scratch / "requirements.lock").touch()
    tools = scratch / "bin"
    tools.mkdir()
    for name in ("sh", "test", "awk", "grep", "echo"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    done = subprocess.run(
        [shutil.which("make"), "run"], cwd=scratch, capture_output=True, text=True, check=False,
        env={"PATH": str(tools)},
    )  # fmt: skip
    assert done.returncode != 0
    assert "Pharos needs Python 3.11 or newer" in done.stderr
    assert not (scratch / ".venv").exists()


def test_an_import_upward_breaks_the_layers(scratch: Path):
    for name in ("apps", "portal"):
        shutil.copytree(
            PROJECT / name, scratch / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(PROJECT / "pyproject.toml", scratch)
    command = [PROJECT / ".venv" / "bin" / "lint-imports", "--no-cache"]
    if not command[0].exists():
        pytest.skip("import-linter is not installed in .venv")

    def lint() -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "PYTHONPATH": str(scratch)}
        return subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, check=False
        )

    assert lint().returncode == 0, lint().stdout
    (scratch / "apps" / "core" / "upward.py").write_text("import apps.monitoring.store.rows\n")
    done = lint()
    assert done.returncode != 0
    assert "apps.core.upward -> apps.monitoring.store.rows" in done.stdout
    (scratch / "apps" / "core" / "upward.py").write_text("import portal.settings\n")
    assert lint().returncode != 0
