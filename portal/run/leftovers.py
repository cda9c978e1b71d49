"""Find and stop what a killed supervisord leaves behind."""

import contextlib
import itertools
import os
import signal

import psutil

from apps.core.embedded.home import Home
from portal.run.plan import MARK


def find(home: Home) -> list[psutil.Process]:
    """Our own processes that a launcher of this home started, by the mark in their environment."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(home.root):
                found.append(process)
    return found


def stop(home: Home, grace_s: float = 20.0) -> int:
    """Stop them all, servers last; returns how many there were."""
    processes = find(home)
    ranked = sorted((_rank(process), process.pid, process) for process in processes)
    for _, group in itertools.groupby(ranked, key=lambda row: row[0]):
        _stop_group([process for _, _, process in group], grace_s)
    return len(processes)


def _stop_group(group: list[psutil.Process], grace_s: float) -> None:
    for process in group:
        with contextlib.suppress(psutil.Error):
            # PostgreSQL waits for its clients on TERM and hangs up on INT.
            server = _rank(process) == _SERVERS
            process.send_signal(signal.SIGINT if server else signal.SIGTERM)
    _, alive = psutil.wait_procs(group, grace_s)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, 5)


_SUPERVISORD, _PORTAL, _SERVERS = range(3)


def _rank(process: psutil.Process) -> int:
    """Supervisord first, or it would start the others again; the servers last."""
    try:
        if process.name().startswith(("postgres", "redis-server", "unshare", "setpriv")):
            return _SERVERS
        return _SUPERVISORD if "supervisor.supervisord" in process.cmdline() else _PORTAL
    except psutil.Error:
        return _PORTAL
