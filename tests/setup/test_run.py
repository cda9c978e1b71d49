"""`make run`, `make down` and `make reset` with real processes."""

import contextlib
import re
import signal
import socket
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import psycopg
import pytest
from django.contrib.auth.hashers import make_password

from tests.servers import answers
from tests.setup.conftest import Portal
from tests.setup.wire import self_signed, trusting

pytestmark = [pytest.mark.setup, pytest.mark.slow, pytest.mark.timeout(300)]


def _healthy(portal: Portal) -> bool:
    return answers(f"http://127.0.0.1:{portal.port}/health")


def _log_in(portal: Portal, user: str, password: str) -> bool:
    jar = urllib.request.HTTPCookieProcessor()
    browser = urllib.request.build_opener(jar)
    page = f"http://127.0.0.1:{portal.port}/admin/login/?next=/admin/"
    with browser.open(page, timeout=20) as answer:
        answer.read()
    token = next(c.value for c in jar.cookiejar if c.name == "csrftoken")
    form = {"username": user, "password": password, "csrfmiddlewaretoken": token}
    request = urllib.request.Request(page, urlencode(form).encode(), {"Referer": page})
    with browser.open(request, timeout=20) as answer:
        return answer.url.endswith("/admin/")


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


@pytest.mark.parametrize("roles", [("web", "worker", "beat"), ("redis-server",), ("postgres",)])
def test_killed_processes_come_back(running_portal: Portal, roles: tuple[str, ...]):
    victims = {role: running_portal.role(role) for role in roles}
    for victim in victims.values():
        victim.kill()

    def back() -> bool:
        now = {role: running_portal.role(role) for role in roles}
        return all(now[role] and now[role].pid != victims[role].pid for role in roles) and _healthy(
            running_portal
        )

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


def _set_password(portal: Portal, password: str) -> None:
    with psycopg.connect(portal.home.database_url) as database:
        database.execute(
            "UPDATE auth_user SET password = %s WHERE username = 'admin'", [make_password(password)]
        )


@contextlib.contextmanager
def _certified(portal: Portal, folder: Path) -> Iterator[Path]:
    """While this holds, the portal starts with a certificate, which it gives."""
    cert, key = self_signed(folder)
    before = portal.environment
    portal.environment = {
        **before, "PHAROS_TLS_CERT": str(cert), "PHAROS_TLS_KEY": str(key),
        "PHAROS_URL": f"https://127.0.0.1:{portal.port}",
    }  # fmt: skip
    yield cert
    portal.environment = before


def _speaks_nothing_but_tls(portal: Portal, cert: Path) -> None:
    url = f"https://127.0.0.1:{portal.port}/admin/login/"
    with urllib.request.urlopen(url, timeout=20, context=trusting(cert)) as page:
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert page.headers["Set-Cookie"].startswith("__Host-csrftoken=")
    with pytest.raises(urllib.error.URLError) as refused:
        urllib.request.urlopen(url, timeout=20, context=ssl.create_default_context())
    assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value)


def test_however_it_stops_nothing_runs_on_and_it_comes_back_as_it_was(
    running_portal: Portal, scratch: Path
):
    """One test: every start of a whole portal takes many seconds."""
    printed = (running_portal.home.root / "admin_password").read_text()
    # By `down` from another terminal; a password of one's own is not replaced by a wrong one.
    _set_password(running_portal, "my own words")
    assert running_portal.run("down").returncode == 0
    assert running_portal.launcher.wait(30) == 0
    assert running_portal.processes() == []
    assert "(the one you chose)" in running_portal.up()
    assert _log_in(running_portal, "admin", "my own words")
    _set_password(running_portal, printed)

    # By Ctrl-C; the data and the account are still there, now over TLS.
    running_portal.launcher.send_signal(signal.SIGINT)
    assert running_portal.launcher.wait(120) == 0
    assert running_portal.processes() == []
    assert running_portal.said("Stopped.")
    with _certified(running_portal, scratch) as cert:
        said = running_portal.up()
        assert printed in said
        assert f"https://127.0.0.1:{running_portal.port}/" in said
        _speaks_nothing_but_tls(running_portal, cert)

    # By `down` after its launcher and supervisord were killed.
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
