"""Find and stop what a killed supervisord leaves behind."""

import contextlib
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
    servers = [p for p in processes if _is_server(p)]
    for group in ([p for p in processes if p not in servers], servers):
        for process in group:
            with contextlib.suppress(psutil.Error):
                # PostgreSQL waits for its clients on TERM and hangs up on INT.
                process.send_signal(signal.SIGINT if _is_server(process) else signal.SIGTERM)
        _, alive = psutil.wait_procs(group, grace_s)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, 5)
    return len(processes)


def _is_server(process: psutil.Process) -> bool:
    try:
        return process.name().startswith(("postgres", "redis-server", "unshare", "setpriv"))
    except psutil.Error:
        return False
