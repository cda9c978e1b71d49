"""The live fixtures other tests build on."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from django.contrib.auth.models import User

from tests.conftest import PROJECT, STAFF_PASSWORD

pytestmark = pytest.mark.setup


@pytest.mark.django_db(transaction=True)
def test_the_live_server_reads_this_tests_database(portal_server, staff: User):
    page = f"{portal_server.url}/admin/login/"
    browser = urllib.request.build_opener(jar := urllib.request.HTTPCookieProcessor())
    with browser.open(page, timeout=30) as answer:
        answer.read()
    token = next(c.value for c in jar.cookiejar if c.name == "csrftoken")
    form = f"username=staff&password={STAFF_PASSWORD.replace(' ', '+')}&csrfmiddlewaretoken={token}"
    request = urllib.request.Request(page, form.encode(), {"Referer": page})
    with browser.open(request, timeout=30) as answer:
        answer.read()
    assert "sessionid" in {cookie.name for cookie in jar.cookiejar}


def test_servers_of_a_killed_run_die_with_it():
    code = "import os, tests.servers; print(os.environ['PHAROS_HOME'], flush=True); input()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PHAROS_")}
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    home = run.stdout.readline().strip()
    servers = psutil.Process(run.pid).children()
    assert len(servers) >= 2, json.dumps([p.name() for p in servers])
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(servers, 20)
    assert alive == []
    # The next run removes what a killed one could not.
    done = subprocess.run(
        [sys.executable, "-c", "import tests.servers"], cwd=PROJECT, env=environment,
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 10
    while Path(home).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(home).exists()
    run.stdin.close()
    run.stdout.close()
