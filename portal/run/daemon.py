"""Start, ask and stop supervisord over its Unix socket."""

import contextlib
import http.client
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from apps.core.embedded.home import Home
from portal.run import config
from portal.run.plan import PROJECT, Plan, RunError

_GONE = (OSError, http.client.HTTPException, xmlrpc.client.Error)


@contextlib.contextmanager
def _calls(home: Home) -> Iterator[Any]:
    transport = SupervisorTransport(None, None, f"unix://{home.run_dir}/supervisor.sock")
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
    try:
        yield proxy.supervisor
    finally:
        transport.close()


def states(home: Home) -> dict[str, str]:
    """Program name to supervisor's state (RUNNING, BACKOFF, …); empty when it does not answer."""
    try:
        with _calls(home) as call:
            return {row["name"]: row["statename"] for row in call.getAllProcessInfo()}
    except _GONE:
        return {}


def pid(home: Home) -> int | None:
    """Supervisord's process id; None when it does not answer."""
    try:
        with _calls(home) as call:
            return int(call.getPID())
    except _GONE:
        return None


def start(plan: Plan) -> "subprocess.Popen[bytes]":
    """Write the configuration and start supervisord in a session of its own.

    The terminal's Ctrl-C then reaches only the launcher, which stops things in order.
    """
    file = plan.home.run_dir / "supervisord.conf"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(config.render(plan))
    with (plan.home.log_dir / "supervisord.err").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(file)],
            cwd=PROJECT, env=plan.environment(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip


def start_group(home: Home, group: str) -> None:
    """Start every program of a group without waiting. Raises RunError."""
    try:
        with _calls(home) as call:
            call.startProcessGroup(group, False)  # noqa: FBT003 (XML-RPC has no keywords)
    except _GONE as error:
        raise RunError(f"supervisord stopped answering: {error}") from error


def failures(home: Home) -> dict[str, str]:
    """What supervisor has given up on, with its reason."""
    with contextlib.suppress(*_GONE), _calls(home) as call:
        rows = call.getAllProcessInfo()
        return {row["name"]: row["spawnerr"] for row in rows if row["statename"] == "FATAL"}
    return {}


def revive(home: Home) -> list[str]:
    """Start again what supervisor has given up on; returns the names."""
    fatal = [name for name, state in states(home).items() if state == "FATAL"]
    with contextlib.suppress(*_GONE), _calls(home) as call:
        for row in call.getAllProcessInfo():
            if row["name"] in fatal:
                call.startProcess(f"{row['group']}:{row['name']}", False)  # noqa: FBT003
    return fatal


def shut_down(home: Home) -> bool:
    """Ask supervisord to stop everything and itself; False when it does not answer."""
    try:
        with _calls(home) as call:
            return bool(call.shutdown())
    except _GONE:
        return False
