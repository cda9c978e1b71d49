"""Bring the portal up, keep it up in the foreground, and stop it in order."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from apps.core.embedded import postgresql
from apps.core.embedded.home import HomeError
from apps.core.embedded.identity import NoIdentityError
from portal.run import daemon, leftovers
from portal.run.lock import Lock
from portal.run.plan import PROJECT, Plan, RunError

_HEAL_EVERY_S = 15.0
_DEATHS = 3
_DEATHS_WITHIN_S = 60.0
# Seconds on a machine of its own; a crowded one is not a broken portal, and one that ends is seen.
_WEB_STARTS_WITHIN_S = 240.0
# Web drains for up to 60 s, then the servers stop.
_LONGEST_STOP_S = 120.0


class _Stop(Exception):  # noqa: N818
    """Not an error: a person asked the portal to stop."""


def say(text: str) -> None:
    """One line for the person at the terminal, at once."""
    print(text, flush=True)


def up(plan: Plan) -> int:
    """Run the portal until Ctrl-C, SIGTERM, SIGHUP or `down`; returns the exit code."""
    try:
        plan.home.make()
    except HomeError as error:
        raise RunError(str(error), 78) from error
    lock = Lock(plan.home)
    if not lock.take():
        say(_already(lock))
        return 0
    if daemon.pid(plan.home) is not None:
        lock.release()
        say(_already(lock))
        return 0
    if left := leftovers.stop(plan.home):
        say(f"Cleared {left} processes that an earlier run left behind.")
    plan.claim_port()
    with _signals():
        try:
            return _keep(plan, lock)
        except _Stop:
            return 0
        finally:
            _quiet_signals()
            say("Stopping …")
            stop_everything(plan)
            lock.release()
            say("Stopped.")


def _already(lock: Lock) -> str:
    facts = lock.read()
    if facts.get("ready"):
        return f"The portal is already running: {facts['url']} (stop it with make down)"
    return "The portal is already starting in another terminal."


def _keep(plan: Plan, lock: Lock) -> int:
    deaths: list[float] = []
    while True:
        lock.write(pid=os.getpid(), url=plan.url, ready=False)
        supervisord = _bring_up(plan)
        lock.write(pid=os.getpid(), url=plan.url, ready=True)
        _watch(plan, supervisord)
        deaths = [at for at in deaths if time.monotonic() - at < _DEATHS_WITHIN_S]
        deaths.append(time.monotonic())
        if len(deaths) >= _DEATHS:
            raise RunError(
                f"supervisord ended {_DEATHS} times within {_DEATHS_WITHIN_S:.0f} s; "
                f"its log is {plan.home.log_dir / 'supervisord.log'}"
            )
        say(f"supervisord (pid {supervisord.pid}) was killed; starting everything again.")
        leftovers.stop(plan.home)


def _bring_up(plan: Plan) -> "subprocess.Popen[bytes]":
    begun = time.monotonic()
    if plan.embeds_postgresql:
        _prepare_cluster(plan)
    supervisord = daemon.start(plan)
    _wait(plan, supervisord, "supervisord", lambda: daemon.pid(plan.home) is not None, 20)
    who = _prepare_database(plan)
    daemon.start_group(plan.home, "portal")
    _wait(plan, supervisord, "web", lambda: _healthy(plan.url), _WEB_STARTS_WITHIN_S)
    say(f"\n  Pharos is up after {time.monotonic() - begun:.1f} s\n\n  {plan.url}/")
    say(f"  user      {who['user']}\n  password  {who['password'] or '(the one you chose)'}")
    say(f"\n  logs      {plan.home.log_dir}\n  stop      Ctrl-C, or make down\n")
    return supervisord


def _prepare_cluster(plan: Plan) -> None:
    if not (plan.home.postgresql_dir / "PG_VERSION").exists():
        say("Making the PostgreSQL cluster …")
    try:
        postgresql.prepare(plan.home)
    except (NoIdentityError, postgresql.PostgreSQLError) as error:
        raise RunError(str(error), 78) from error


def _prepare_database(plan: Plan) -> dict[str, str | None]:
    say("Preparing the database and static files …")
    done = subprocess.Popen(
        [sys.executable, "-m", "portal.run.prepare"],
        cwd=PROJECT, env={**plan.environment(), "PHAROS_ROLE": "cli"}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, errors = done.communicate(timeout=0.5)
                break
            _check_servers(plan)
    finally:
        done.kill()
    if done.returncode:
        _check_servers(plan)
        raise RunError(errors.strip() or "The database could not be prepared.", done.returncode)
    answer: dict[str, str | None] = json.loads(out.splitlines()[-1])
    return answer


def _check_servers(plan: Plan) -> None:
    """Raise RunError with the log's own words when an embedded server does not start."""
    states = daemon.states(plan.home)
    for name in ("postgresql", "redis"):
        if states.get(name) in {"BACKOFF", "FATAL", "EXITED"}:
            log = plan.home.log_dir / f"{name}.log"
            raise RunError(f"{name} does not start. The end of {log}:\n{tail(log)}", 70)


def _wait(
    plan: Plan,
    supervisord: "subprocess.Popen[bytes]",
    what: str,
    ready: Callable[[], bool],
    deadline_s: float,
) -> None:
    deadline = time.monotonic() + deadline_s
    while not ready():
        if supervisord.poll() is not None:
            raise RunError(f"supervisord stopped:\n{tail(plan.home.log_dir / 'supervisord.err')}")
        for name, reason in daemon.failures(plan.home).items():
            log = plan.home.log_dir / f"{name}.log"
            raise RunError(f"{name} does not start: {reason}. The end of {log}:\n{tail(log)}", 70)
        if time.monotonic() > deadline:
            raise RunError(
                f"{what} did not answer within {deadline_s:.0f} s:\n"
                f"{tail(plan.home.log_dir / f'{what}.log')}"
            )
        time.sleep(0.1)


def _healthy(url: str) -> bool:
    # It is our own child behind this address; whom the certificate names is for others to check.
    trusting = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2, context=trusting) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        pass
    return False


def tail(file: Path, lines: int = 10) -> str:
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return f"({file} does not exist)"


def _watch(plan: Plan, supervisord: "subprocess.Popen[bytes]") -> None:
    """Return when supervisord is gone; until then revive what it gave up on."""
    gone = threading.Event()

    def wait() -> None:
        supervisord.wait()
        gone.set()

    # `wait` with a timeout looks twenty times a second; without one it sleeps.
    threading.Thread(target=wait, daemon=True).start()
    while not gone.wait(_HEAL_EVERY_S):
        for name in daemon.revive(plan.home):
            say(f"{name} kept failing; trying again. Its log: {plan.home.log_dir}/{name}.log")


def stop_everything(plan: Plan) -> None:
    """Ask supervisord to stop all in order; then clear whatever is left."""
    pid = daemon.pid(plan.home)
    if pid is not None and daemon.shut_down(plan.home):
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).wait(_LONGEST_STOP_S)
    leftovers.stop(plan.home)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    def on_signal(_number: int, _frame: object) -> None:
        raise _Stop

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quiet_signals() -> None:
    # An impatient second Ctrl-C must not leave servers behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
