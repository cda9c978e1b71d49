"""`make run`, `make down` and `make reset` with real processes."""

import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from tests.conftest import PROJECT
from tests.servers import answers
from tests.setup.conftest import Portal

pytestmark = [pytest.mark.setup, pytest.mark.slow, pytest.mark.timeout(300)]


def _healthy(portal: Portal) -> bool:
    return answers(f"http://127.0.0.1:{portal.port}/health")


def _log_in(portal: Portal, user: str, password: str) -> bool:
    jar = urllib.request.HTTPCookieProcessor()
    browser = urllib.request.build_opener(jar)
    page = f"http://127.0.0.1:{portal.port}/admin/login/?next=/admin/"
    browser.open(page, timeout=20).read()
    token = next(c.value for c in jar.cookiejar if c.name == "csrftoken")
    form = {"username": user, "password": password, "csrfmiddlewaretoken": token}
    request = urllib.request.Request(page, urlencode(form).encode(), {"Referer": page})
    return browser.open(request, timeout=20).url.endswith("/admin/")


def test_the_printed_account_logs_in(running_portal: Portal):
    user = re.search(r"user +(\S+)", running_portal.output)[1]
    password = re.search(r"password +(\S+)", running_portal.output)[1]
    assert f"http://127.0.0.1:{running_portal.port}/" in running_portal.output
    assert _log_in(running_portal, user, password)


def test_the_state_is_closed_to_others(running_portal: Portal):
    home = running_portal.home
    for path in (home.root, home.run_dir, home.log_dir, home.postgresql_dir):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    for name in ("secret_key", "admin_password", "up.lock", "run/supervisord.conf"):
        assert stat.S_IMODE((home.root / name).stat().st_mode) == 0o600, name


def test_every_process_knows_its_role(running_portal: Portal):
    # A process that another test killed counts as starting for its first seconds.
    running_portal.wait(lambda: running_portal.run("status").stdout.count("running") == 5, 60)
    for role in ("web", "worker", "beat"):
        assert running_portal.role(role) is not None


def test_a_second_up_says_it_is_running_and_changes_nothing(running_portal: Portal):
    before = {p.pid for p in running_portal.processes()}
    again = running_portal.run("up")
    assert again.returncode == 0
    assert f"already running: http://127.0.0.1:{running_portal.port}" in again.stdout
    assert before <= {p.pid for p in running_portal.processes()}


@pytest.mark.parametrize("role", ["web", "worker", "beat", "redis-server", "postgres"])
def test_a_killed_process_comes_back(running_portal: Portal, role: str):
    victim = running_portal.role(role)
    victim.kill()

    def back() -> bool:
        other = running_portal.role(role)
        return other is not None and other.pid != victim.pid and _healthy(running_portal)

    running_portal.wait(back, 90)


def test_it_comes_back_when_supervisord_is_killed(running_portal: Portal):
    supervisord = next(
        p for p in running_portal.processes() if "supervisor.supervisord" in p.cmdline()
    )
    before = running_portal.output.count("Pharos is up")
    supervisord.kill()
    running_portal.wait(lambda: running_portal.output.count("Pharos is up") > before, 240)
    assert "starting everything again" in running_portal.output
    assert _healthy(running_portal)


def test_down_stops_what_a_killed_launcher_and_supervisord_left(running_portal: Portal):
    password = (running_portal.home.root / "admin_password").read_text()
    running_portal.launcher.kill()
    running_portal.launcher.wait()
    for process in running_portal.processes():
        if "supervisor.supervisord" in process.cmdline():
            process.kill()
    assert running_portal.processes()
    done = running_portal.run("down")
    assert (done.returncode, done.stdout.strip()) == (0, "Stopped.")
    assert running_portal.processes() == []
    assert running_portal.run("down").stdout.strip() == "Nothing is running."
    assert running_portal.run("status").returncode == 3
    # The data and the account are still there.
    assert password in running_portal.up()


def test_ctrl_c_stops_everything(running_portal: Portal):
    running_portal.launcher.send_signal(signal.SIGINT)
    assert running_portal.launcher.wait(120) == 0
    assert running_portal.processes() == []
    assert running_portal.said("Stopped.")


def test_down_from_another_terminal_ends_the_launcher(running_portal: Portal):
    assert running_portal.run("down").returncode == 0
    assert running_portal.launcher.wait(30) == 0
    assert running_portal.processes() == []


def _set_password(portal: Portal, password: str) -> None:
    code = (
        "from django.contrib.auth.models import User; u = User.objects.get(username='admin');"
        f"u.set_password({password!r}); u.save()"
    )
    subprocess.run(
        [sys.executable, "-m", "django", "shell", "-c", code],
        env={**portal.environment, "DJANGO_SETTINGS_MODULE": "portal.settings"},
        check=True, capture_output=True, cwd=PROJECT,
    )  # fmt: skip


def test_a_password_of_ones_own_is_not_replaced_by_a_wrong_one(running_portal: Portal):
    printed = (running_portal.home.root / "admin_password").read_text()
    _set_password(running_portal, "my own words")
    running_portal.run("down")
    running_portal.launcher.wait()
    assert "(the one you chose)" in running_portal.up()
    assert _log_in(running_portal, "admin", "my own words")
    _set_password(running_portal, printed)


def test_reset_removes_every_trace(scratch: Path):
    portal = Portal(scratch / ("long" * 20))
    portal.home.make()
    portal.home.secret("secret_key")
    run_dir = portal.home.run_dir
    assert not run_dir.is_relative_to(portal.home.root)
    assert portal.run("reset").returncode == 0
    assert not portal.home.root.exists()
    assert not run_dir.exists()
    assert portal.run("reset").returncode == 0


def test_a_taken_port_is_one_sentence_and_nothing_starts(portal: Portal):
    with socket.create_server(("127.0.0.1", portal.port)):
        done = portal.run("up")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"Port {portal.port} is taken; choose another: PORT={portal.port + 1} make run"
    )
    assert portal.processes() == []
    assert not (portal.home.postgresql_dir).exists()


def test_a_process_that_only_shares_the_home_is_not_ours(portal: Portal):
    """A shell with PHAROS_HOME exported must survive `make down`."""
    portal.home.make()
    mine = subprocess.Popen(["sleep", "60"], env={**portal.environment})
    try:
        portal.run("down")
        assert psutil.pid_exists(mine.pid)
        assert mine.poll() is None
    finally:
        mine.kill()
        mine.wait()
