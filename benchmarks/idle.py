"""What a portal costs that nobody uses, and what one viewer of its Overview adds.

Starts a whole portal of its own (`portal.run up`), lets it settle, and adds up the processor time
and the proportional set size (PSS: shared pages counted once) of every process below it; then the
same while one client looks at the Overview as a browser does: the first data, then the live topic.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import tempfile
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import psutil
import websockets

from benchmarks import harness

CPU_LIMIT, VIEWED_LIMIT, MEMORY_LIMIT_MB = 5.0, 6.0, 600.0
_TOPIC = "overview:10:pharos"
_CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')


def _tree(pid):
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _label(process):
    words = " ".join(process.cmdline())
    for mark, name in (
        ("granian", "web"), ("portal worker", "worker"), ("portal beat", "beat"),
        ("supervisord", "supervisord"), ("redis", "redis"), ("postgres", "postgresql"),
    ):  # fmt: skip
        if mark in words:
            return name
    return "launcher"


def _usage(pid):
    """CPU seconds by role so far; PSS in MB of all."""
    cpu, pss = {}, 0.0
    for each in _tree(pid):
        try:
            label, times = _label(each), each.cpu_times()
            pss += each.memory_full_info().pss / 1e6
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        # Children that have ended since count too.
        spent = times.user + times.system + times.children_user + times.children_system
        cpu[label] = cpu.get(label, 0.0) + spent
    return cpu, pss


def _measure(pid, seconds):
    before, _ = _usage(pid)
    began = time.monotonic()
    time.sleep(seconds)
    after, pss = _usage(pid)
    lasted = time.monotonic() - began
    shares = {k: 100 * (v - before.get(k, 0.0)) / lasted for k, v in after.items()}
    return shares, pss


def _sign_in(url, home):
    """The cookies of a signed-in browser and how to open a page with them."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = opener.open(f"{url}/admin/login/", timeout=20).read()
    fields = {
        "csrfmiddlewaretoken": _CSRF.search(form)[1].decode(), "username": "admin",
        "password": (home / "admin_password").read_text().strip(), "next": "/admin/",
    }  # fmt: skip
    request = urllib.request.Request(
        f"{url}/admin/login/", urllib.parse.urlencode(fields).encode(), {"Referer": url}
    )
    opener.open(request, timeout=20).read()
    return "; ".join(f"{c.name}={c.value}" for c in jar), opener


async def _watch(url, cookies, seconds, seen):
    address = url.replace("http", "ws", 1) + "/ws/live"
    headers = {"Cookie": cookies}
    async with websockets.connect(address, additional_headers=headers, origin=url) as socket:
        await socket.send(json.dumps({"action": "subscribe", "topics": [_TOPIC]}))
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                seen.append(json.loads(await asyncio.wait_for(socket.recv(), left)))
            except TimeoutError:
                return


def _look(url, home, pid, seconds):
    """The cost while one viewer looks, once the page is there."""
    cookies, opener = _sign_in(url, home)
    opener.open(f"{url}/admin/", timeout=20).read()
    opener.open(f"{url}/admin/overview/data?service=pharos&from=now-15m", timeout=20).read()
    seen = []

    async def both():
        watching = asyncio.create_task(_watch(url, cookies, seconds + 2, seen))
        await asyncio.sleep(2)
        found = await asyncio.to_thread(_measure, pid, seconds)
        await watching
        return found

    shares, pss = asyncio.run(both())
    assert seen
    assert all(m["state"] == "ok" for m in seen), seen[:1]
    return shares, pss, len(seen)


def _report(name, shares, pss, more=""):
    parts = ", ".join(f"{role} {share:.2f}" for role, share in sorted(shares.items()))
    print(f"{name}: {sum(shares.values()):.2f} % of one core ({parts}); PSS {pss:.0f} MB{more}")


def _running(options):
    """The launcher's pid and the base URL, from a portal that is started or already there."""
    home = Path(tempfile.mkdtemp(prefix="pharos-idle-"))
    port = harness.free_port()
    environment = {"PHAROS_HOME": str(home), "PORT": str(port)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    argv = [harness.BIN / "python", "-m", "portal.run"]

    def healthy():
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).status == 200

    try:
        with harness.process([*argv, "up"], healthy, environment, 90, signal.SIGINT) as launcher:
            yield_to = _phases(options, f"http://127.0.0.1:{port}", home, launcher.pid)
    finally:
        with harness.process([*argv, "reset"], lambda: not home.exists(), environment, 60):
            pass
    return yield_to


def _phases(options, url, home, pid):
    deadline = time.monotonic() + 30
    while not (home / "admin_password").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(options.settle)
    idle, pss = _measure(pid, options.seconds)
    _report("idle", idle, pss)
    viewed, viewed_pss, messages = _look(url, home, pid, options.seconds)
    _report("one viewer", viewed, viewed_pss, f", {messages} messages")
    return sum(idle.values()), sum(viewed.values()), max(pss, viewed_pss)


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settle", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    idle, viewed, pss = _running(parser.parse_args())
    harness.summary(
        "idle",
        passed=idle <= CPU_LIMIT and viewed <= VIEWED_LIMIT and pss <= MEMORY_LIMIT_MB,
        cpu_percent=idle, viewed_cpu_percent=viewed, pss_mb=pss, cpu_limit=CPU_LIMIT,
        viewed_limit=VIEWED_LIMIT, pss_limit_mb=MEMORY_LIMIT_MB,
    )  # fmt: skip


if __name__ == "__main__":
    main()
